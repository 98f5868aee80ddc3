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
