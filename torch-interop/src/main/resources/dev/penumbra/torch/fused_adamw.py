class Ops(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  def adamw_(self: __torch__.Ops, weights: List[Tensor], gradients: List[Tensor], first: List[Tensor], second: List[Tensor], step: float, learning_rate: float, beta1: float, beta2: float, weight_decay: float, epsilon: float, rescale: float) -> None:
    if torch.ne(rescale, 1.0):
      torch._foreach_mul_(gradients, rescale)
    steps = torch.full([], step, dtype=6, layout=None, device=ops.prim.device(gradients[0]), pin_memory=None)
    unused = annotate(List[Tensor], [])
    torch._fused_adamw_(weights, gradients, first, second, unused, [steps], lr=learning_rate, beta1=beta1, beta2=beta2, weight_decay=weight_decay, eps=epsilon, amsgrad=False, maximize=False)
    return None
