class Ops(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  def group_norm(self: __torch__.Ops, x: Tensor, groups: int, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    return torch.group_norm(x, groups, weight, bias, epsilon)
  def group_norm_silu(self: __torch__.Ops, x: Tensor, groups: int, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    return torch.silu(torch.group_norm(x, groups, weight, bias, epsilon))
  def silu(self: __torch__.Ops, x: Tensor) -> Tensor:
    return torch.silu(x)
  def attention(self: __torch__.Ops, query: Tensor, key: Tensor, value: Tensor, chunk: int) -> Tensor:
    if torch.le(torch.size(query, -2), chunk):
      result = torch.scaled_dot_product_attention(query, key, value)
    else:
      parts = torch.split(query, chunk, -2)
      results = annotate(List[Tensor], [])
      for i in range(torch.len(parts)):
        torch.append(results, torch.scaled_dot_product_attention(parts[i], key, value))
      result = torch.cat(results, -2)
    return result
  def upsample_conv(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    size = [torch.mul(torch.size(x, 2), 2), torch.mul(torch.size(x, 3), 2)]
    return torch.conv2d(torch.upsample_nearest2d(x, size), weight, bias, [1, 1], [1, 1])
  def upsample_conv_as_one(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    turned = torch.transpose(torch.flip(weight, [2, 3]), 0, 1)
    padded = torch.constant_pad_nd(turned, [1, 1, 1, 1])
    rows = torch.add(torch.slice(padded, 2, 1, 5), torch.slice(padded, 2, 0, 4))
    kernel = torch.add(torch.slice(rows, 3, 1, 5), torch.slice(rows, 3, 0, 4))
    return torch.conv_transpose2d(x, kernel, bias, [2, 2], [1, 1])
