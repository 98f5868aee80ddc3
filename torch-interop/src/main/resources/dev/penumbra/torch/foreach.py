class Ops(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  def lerp_(self: __torch__.Ops, target: List[Tensor], source: List[Tensor], weight: float) -> None:
    if torch.eq(weight, 1.0):
      torch._foreach_copy_(target, source)
    else:
      if torch.ne(weight, 0.0):
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
  def lerp_each_(self: __torch__.Ops, target: List[Tensor], source: List[Tensor], weights: List[float]) -> None:
    numbers = annotate(List[number], [])
    for i in range(torch.len(weights)):
      torch.append(numbers, weights[i])
    torch._foreach_lerp_(target, source, numbers)
    return None
  def lerp_with_ends_(self: __torch__.Ops, target: List[Tensor], source: List[Tensor], weights: List[float]) -> None:
    for i in range(torch.len(weights)):
      if torch.eq(weights[i], 1.0):
        torch.copy_(target[i], source[i])
      else:
        if torch.ne(weights[i], 0.0):
          torch.lerp_(target[i], source[i], weights[i])
    return None
  def lerp_compensated_(self: __torch__.Ops, target: List[Tensor], carry: List[Tensor], source: List[Tensor], weights: List[float]) -> None:
    for i in range(torch.len(target)):
      average = target[i]
      error = carry[i]
      if torch.eq(weights[i], 1.0):
        torch.copy_(average, source[i])
        torch.zero_(error)
      else:
        if torch.ne(weights[i], 0.0):
          change = torch.sub(source[i], average)
          torch.sub_(change, error)
          torch.mul_(change, weights[i])
          torch.add_(change, error)
          moved = torch.add(average, change)
          taken = torch.sub(moved, average)
          torch.sub_(change, taken)
          lost = torch.sub(average, torch.sub(moved, taken))
          torch.copy_(error, torch.add_(lost, change))
          torch.copy_(average, moved)
    return None
  def lerp_by_subtraction_(self: __torch__.Ops, target: List[Tensor], source: List[Tensor], weights: List[float]) -> None:
    for i in range(torch.len(target)):
      if torch.ne(weights[i], 0.0):
        change = torch.sub(target[i], source[i])
        torch.mul_(change, weights[i])
        torch.sub_(target[i], change)
    return None
  def lerp_by_division_(self: __torch__.Ops, target: List[Tensor], source: List[Tensor], divisors: List[float]) -> None:
    for i in range(torch.len(target)):
      if torch.eq(divisors[i], 1.0):
        torch.copy_(target[i], source[i])
      else:
        if torch.eq(torch.sub(divisors[i], divisors[i]), 0.0):
          change = torch.sub(source[i], target[i])
          torch.div_(change, divisors[i])
          torch.add_(target[i], change)
    return None
  def add_(self: __torch__.Ops, target: List[Tensor], source: List[Tensor], factor: float) -> None:
    torch._foreach_add_(target, source, alpha=factor)
    return None
  def norms(self: __torch__.Ops, arrays: List[Tensor]) -> List[float]:
    values = torch.cpu(torch.stack(torch._foreach_norm(arrays, 2)))
    norms = annotate(List[float], [])
    for i in range(torch.len(arrays)):
      torch.append(norms, float(values[i]))
    return norms
  def contiguous(self: __torch__.Ops, arrays: List[Tensor]) -> bool:
    all_are = True
    for i in range(torch.len(arrays)):
      all_are = torch.__and__(all_are, torch.is_contiguous(arrays[i]))
    return all_are
  def are_same(self: __torch__.Ops, first: List[Tensor], second: List[Tensor]) -> bool:
    all_are = True
    for i in range(torch.len(first)):
      if torch.__not__(torch.is_set_to(first[i], second[i])):
        all_are = False
    return all_are
  def finite_sum(self: __torch__.Ops, vectors: List[Tensor], matrices: List[Tensor], others: List[Tensor]) -> float:
    sums = annotate(List[Tensor], [])
    for i in range(torch.len(matrices)):
      torch.append(sums, torch.sum(torch.reshape(matrices[i], [16, -1]), [1]))
    for j in range(torch.len(others)):
      torch.append(sums, torch.reshape(torch.sum(others[j]), [1]))
    for k in range(torch.len(vectors)):
      torch.append(sums, vectors[k])
    return float(torch.sum(torch.cat(sums)))
  def first_non_finite(self: __torch__.Ops, arrays: List[Tensor]) -> int:
    found = -1
    for i in range(torch.len(arrays)):
      if torch.lt(found, 0):
        if torch.__not__(bool(torch.all(torch.isfinite(arrays[i])))):
          found = i
    return found
  def stalled_share(self: __torch__.Ops, target: List[Tensor], source: List[Tensor], weight: float) -> float:
    apart = 0.0
    unmoved = 0.0
    for i in range(torch.len(target)):
      differs = torch.ne(target[i], source[i])
      stays = torch.eq(torch.lerp(target[i], source[i], weight), target[i])
      apart = torch.add(apart, float(torch.sum(differs)))
      unmoved = torch.add(unmoved, float(torch.sum(torch.logical_and(differs, stays))))
    if torch.eq(apart, 0.0):
      share = 0.0
    else:
      share = torch.div(unmoved, apart)
    return share
