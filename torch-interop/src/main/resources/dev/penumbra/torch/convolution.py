class Ops(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  def error(self: __torch__.Ops, channels: int, kernels: int) -> List[float]:
    count = torch.mul(torch.mul(kernels, channels), 9)
    ramp = torch.remainder(torch.arange(count, dtype=7), 16)
    weight = torch.reshape(torch.sub(torch.div(ramp, 16), 0.375), [kernels, channels, 3, 3])
    gradient = torch.ones([2, kernels, 9, 8], dtype=7)
    x = torch.zeros([2, channels, 9, 8], dtype=7)
    exact, a, b = torch.convolution_backward(gradient, x, weight, [kernels], [1, 1], [1, 1], [1, 1], False, [0, 0], 1, [True, False, False])
    weight32 = torch.to(weight, 6)
    gradient32 = torch.to(gradient, 6)
    x32 = torch.to(x, 6)
    for size in [1, 2, 4, 8, 16, 32, 64]:
      stale = torch.full([torch.mul(size, 576)], 1000.0, dtype=6)
    stale = torch.zeros([1], dtype=6)
    single, c, d = torch.convolution_backward(gradient32, x32, weight32, [kernels], [1, 1], [1, 1], [1, 1], False, [0, 0], 1, [True, False, False])
    scale = torch.max(torch.abs(exact))
    return [float(torch.div(torch.max(torch.abs(torch.sub(torch.to(single, 7), exact))), scale))]
