class Ops(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  def lerp_(self: __torch__.Ops, target: List[Tensor], source: List[Tensor], weight: float) -> None:
    torch._foreach_lerp_(target, source, weight)
    return None
  def copy_(self: __torch__.Ops, target: List[Tensor], source: List[Tensor]) -> None:
    torch._foreach_copy_(target, source)
    return None
  def swap_(self: __torch__.Ops, first: List[Tensor], second: List[Tensor]) -> None:
    for i in range(torch.len(first)):
      kept = torch.clone(first[i])
      torch.copy_(first[i], second[i])
      torch.copy_(second[i], kept)
    return None
  def version_sum(self: __torch__.Ops, arrays: List[Tensor]) -> int:
    total = 0
    for i in range(torch.len(arrays)):
      total = torch.add(total, torch._version(arrays[i]))
    return total
  def distance(self: __torch__.Ops, first: List[Tensor], second: List[Tensor]) -> float:
    norms = annotate(List[Tensor], [])
    for i in range(torch.len(first)):
      difference = torch.sub(first[i], second[i])
      norm = torch.linalg_vector_norm(difference, 2, None, False, dtype=7)
      torch.append(norms, norm)
    return float(torch.linalg_vector_norm(torch.stack(norms), 2))
  def norm(self: __torch__.Ops, arrays: List[Tensor]) -> float:
    norms = torch._foreach_norm(arrays, 2)
    return float(torch.linalg_vector_norm(torch.stack(norms), 2))
  def clip_norm_(self: __torch__.Ops, arrays: List[Tensor], max_norm: float) -> None:
    norms = torch._foreach_norm(arrays, 2)
    total = torch.linalg_vector_norm(torch.stack(norms), 2)
    scale = torch.mul(torch.reciprocal(torch.add(total, 1.0e-06)), max_norm)
    torch._foreach_mul_(arrays, torch.clamp(scale, max=1.0))
    return None
