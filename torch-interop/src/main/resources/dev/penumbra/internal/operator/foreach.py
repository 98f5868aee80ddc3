class Ops(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  # Pieces are cut here, at each call: a view kept between calls would miss memory replaced by set_.
  # They are rows of the first axis whose rows are small enough, which lie together in memory, else
  # of the longest. The axis is -1 where an array is one piece.
  def cut(self: __torch__.Ops, array: Tensor, piece: int) -> Tuple[int, int, int]:
    axis = -1
    rows = 1
    step = 1
    size = torch.numel(array)
    if torch.gt(size, piece):
      sizes = torch.size(array)
      row = size
      for i in range(torch.len(sizes)):
        if torch.__and__(torch.gt(row, piece), torch.gt(sizes[i], rows)):
          axis = i
          rows = sizes[i]
          row = torch.floordiv(size, rows)
      step = ops.prim.max(1, torch.floordiv(piece, row))
    return (axis, rows, step)
  def part(self: __torch__.Ops, array: Tensor, axis: int, begin: int, step: int) -> Tensor:
    if torch.lt(axis, 0):
      part = array
    else:
      part = torch.slice(array, axis, begin, torch.add(begin, step))
    return part
  # The number of arrays from the one at begin on that follow each other and are the same.
  def run(self: __torch__.Ops, arrays: List[Tensor], begin: int) -> int:
    end = torch.add(begin, 1)
    more = torch.lt(end, torch.len(arrays))
    while more:
      more = torch.__is__(arrays[end], arrays[begin])
      if more:
        end = torch.add(end, 1)
        more = torch.lt(end, torch.len(arrays))
    return torch.sub(end, begin)
  def move(self: __torch__.Ops, way: int, target: Tensor, carry: Tensor, source: Tensor, number: float) -> None:
    if torch.eq(way, 0):
      if torch.eq(number, 1.0):
        torch.copy_(target, source)
      else:
        if torch.ne(number, 0.0):
          torch.lerp_(target, source, number)
    if torch.eq(way, 1):
      if torch.ne(number, 0.0):
        change = torch.sub(target, source)
        torch.mul_(change, number)
        torch.sub_(target, change)
    if torch.eq(way, 2):
      if torch.eq(number, 1.0):
        torch.copy_(target, source)
      else:
        if torch.eq(torch.sub(number, number), 0.0):
          change = torch.sub(source, target)
          torch.div_(change, number)
          torch.add_(target, change)
    if torch.eq(way, 3):
      if torch.eq(number, 1.0):
        torch.copy_(target, source)
        torch.zero_(carry)
      else:
        if torch.ne(number, 0.0):
          change = torch.sub(source, target)
          torch.sub_(change, carry)
          torch.mul_(change, number)
          torch.add_(change, carry)
          moved = torch.add(target, change)
          taken = torch.sub(moved, target)
          torch.sub_(change, taken)
          lost = torch.sub(target, torch.sub(moved, taken))
          torch.copy_(carry, torch.add_(lost, change))
          torch.copy_(target, moved)
    return None
  # Moves the targets from begin on whose source is the same, piece by piece of the source.
  def move_run(self: __torch__.Ops, way: int, begin: int, end: int, targets: List[Tensor], carries: List[Tensor], sources: List[Tensor], numbers: List[float], piece: int, convert: bool) -> None:
    axis, rows, step = (self).cut(sources[begin], piece)
    for row in range(0, rows, step):
      source = (self).part(sources[begin], axis, row, step)
      if convert:
        source = torch.to(source, targets[begin])
      for i in range(begin, end):
        target = (self).part(targets[i], axis, row, step)
        carry = (self).part(carries[i], axis, row, step)
        (self).move(way, target, carry, source, numbers[i])
    return None
  def move_all(self: __torch__.Ops, way: int, targets: List[Tensor], carries: List[Tensor], sources: List[Tensor], numbers: List[float], piece: int, convert: bool) -> None:
    begin = 0
    while torch.lt(begin, torch.len(sources)):
      end = torch.add(begin, (self).run(sources, begin))
      (self).move_run(way, begin, end, targets, carries, sources, numbers, piece, convert)
      begin = end
    return None
  def lerp_(self: __torch__.Ops, target: List[Tensor], source: List[Tensor], weight: float) -> None:
    if torch.eq(weight, 1.0):
      torch._foreach_copy_(target, source)
    else:
      if torch.ne(weight, 0.0):
        torch._foreach_lerp_(target, source, weight)
    return None
  def lerp_each_(self: __torch__.Ops, targets: List[Tensor], sources: List[Tensor], weights: List[float]) -> None:
    numbers = annotate(List[number], [])
    for i in range(torch.len(weights)):
      torch.append(numbers, weights[i])
    torch._foreach_lerp_(targets, sources, numbers)
    return None
  # The list of what moves comes from outside, empty: an operation on a list made here is left out.
  def lerp_in_pieces_(self: __torch__.Ops, targets: List[Tensor], sources: List[Tensor], weights: List[float], piece: int, moving: List[Tensor]) -> None:
    arriving = annotate(List[Tensor], [])
    numbers = annotate(List[number], [])
    begin = 0
    while torch.lt(begin, torch.len(sources)):
      end = torch.add(begin, 1)
      if torch.gt(torch.numel(sources[begin]), piece):
        end = torch.add(begin, (self).run(sources, begin))
      if torch.gt(torch.sub(end, begin), 1):
        (self).move_run(0, begin, end, targets, targets, sources, weights, piece, False)
      else:
        weight = weights[begin]
        if torch.eq(weight, 1.0):
          torch.copy_(targets[begin], sources[begin])
        else:
          if torch.ne(weight, 0.0):
            torch.append(moving, targets[begin])
            torch.append(arriving, sources[begin])
            torch.append(numbers, weight)
      begin = end
    if torch.gt(torch.len(moving), 0):
      torch._foreach_lerp_(moving, arriving, numbers)
    return None
  def lerp_converted_(self: __torch__.Ops, targets: List[Tensor], sources: List[Tensor], weights: List[float], piece: int, convert: bool) -> None:
    (self).move_all(0, targets, targets, sources, weights, piece, convert)
    return None
  def lerp_by_subtraction_(self: __torch__.Ops, targets: List[Tensor], sources: List[Tensor], weights: List[float], piece: int, convert: bool) -> None:
    (self).move_all(1, targets, targets, sources, weights, piece, convert)
    return None
  def lerp_by_division_(self: __torch__.Ops, targets: List[Tensor], sources: List[Tensor], divisors: List[float], piece: int, convert: bool) -> None:
    (self).move_all(2, targets, targets, sources, divisors, piece, convert)
    return None
  def lerp_compensated_(self: __torch__.Ops, targets: List[Tensor], carries: List[Tensor], sources: List[Tensor], weights: List[float], piece: int, convert: bool) -> None:
    (self).move_all(3, targets, carries, sources, weights, piece, convert)
    return None
  def add_(self: __torch__.Ops, target: List[Tensor], source: List[Tensor], factor: float) -> None:
    torch._foreach_add_(target, source, alpha=factor)
    return None
  def copy_(self: __torch__.Ops, target: List[Tensor], source: List[Tensor]) -> None:
    torch._foreach_copy_(target, source)
    return None
  def swap_(self: __torch__.Ops, first: List[Tensor], second: List[Tensor], piece: int) -> None:
    for i in range(torch.len(first)):
      axis, rows, step = (self).cut(first[i], piece)
      for row in range(0, rows, step):
        one = (self).part(first[i], axis, row, step)
        other = (self).part(second[i], axis, row, step)
        kept = torch.clone(one)
        torch.copy_(one, other)
        torch.copy_(other, kept)
    return None
  # The sum of the versions, or -1 where an array counts none.
  def version_sum(self: __torch__.Ops, arrays: List[Tensor]) -> int:
    total = 0
    counted = True
    for i in range(torch.len(arrays)):
      if torch.is_inference(arrays[i]):
        counted = False
      else:
        total = torch.add(total, torch._version(arrays[i]))
    if torch.__not__(counted):
      total = -1
    return total
  # The sum of the versions, or -1 where an array has other memory than the one seen.
  def version_of_same(self: __torch__.Ops, arrays: List[Tensor], seen: List[Tensor]) -> int:
    total = 0
    same = True
    for i in range(torch.len(arrays)):
      same = torch.__and__(same, torch.is_set_to(arrays[i], seen[i]))
      total = torch.add(total, torch._version(arrays[i]))
    if torch.__not__(same):
      total = -1
    return total
  def distance(self: __torch__.Ops, first: List[Tensor], second: List[Tensor], piece: int) -> float:
    device = ops.prim.device(first[0])
    squares = torch.zeros([], dtype=7, device=device)
    for i in range(torch.len(first)):
      axis, rows, step = (self).cut(first[i], piece)
      for row in range(0, rows, step):
        one = torch.to((self).part(first[i], axis, row, step), device, 7)
        other = torch.to((self).part(second[i], axis, row, step), device, 7)
        apart = torch.reshape(torch.sub(one, other), [-1])
        torch.add_(squares, torch.dot(apart, apart))
    return float(torch.sqrt(squares))
  def norm(self: __torch__.Ops, arrays: List[Tensor]) -> float:
    norms = torch._foreach_norm(arrays, 2)
    return float(torch.linalg_vector_norm(torch.stack(norms), 2))
  def norms(self: __torch__.Ops, arrays: List[Tensor]) -> List[float]:
    values = torch.cpu(torch.stack(torch._foreach_norm(arrays, 2)))
    norms = annotate(List[float], [])
    for i in range(torch.len(arrays)):
      torch.append(norms, float(values[i]))
    return norms
  def clip_norm_(self: __torch__.Ops, arrays: List[Tensor], max_norm: float) -> None:
    norms = torch._foreach_norm(arrays, 2)
    total = torch.linalg_vector_norm(torch.stack(norms), 2)
    scale = torch.mul(torch.reciprocal(torch.add(total, 1.0e-06)), max_norm)
    torch._foreach_mul_(arrays, torch.clamp(scale, max=1.0))
    return None
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
  # The first arrays are joined in groups, since a call for each would cost more than the sum.
  def finite_sum(self: __torch__.Ops, arrays: List[Tensor], joined: int) -> float:
    total = 0.0
    for begin in range(0, joined, 256):
      group = torch.slice(arrays, begin, ops.prim.min(torch.add(begin, 256), joined))
      total = torch.add(total, float(torch.sum(torch.flatten_dense_tensors(group))))
    for i in range(joined, torch.len(arrays)):
      total = torch.add(total, float(torch.sum(arrays[i])))
    return total
  # The largest norm is the one value that travels to the host, and few kernels are started.
  def largest(self: __torch__.Ops, arrays: List[Tensor]) -> float:
    filled = annotate(List[Tensor], [])
    for i in range(torch.len(arrays)):
      if torch.gt(torch.numel(arrays[i]), 0):
        torch.append(filled, arrays[i])
    largest = 0.0
    if torch.gt(torch.len(filled), 0):
      largest = float(torch.amax(torch.stack(torch._foreach_norm(filled, inf))))
    return largest
  # A number minus itself is 0 only if it is finite.
  def first_non_finite(self: __torch__.Ops, arrays: List[Tensor]) -> int:
    found = -1
    for i in range(torch.len(arrays)):
      if torch.__and__(torch.lt(found, 0), torch.gt(torch.numel(arrays[i]), 0)):
        least, greatest = torch.aminmax(arrays[i])
        low = float(least)
        high = float(greatest)
        if torch.ne(torch.add(torch.sub(low, low), torch.sub(high, high)), 0.0):
          found = i
    return found
  def stalled_share(self: __torch__.Ops, target: List[Tensor], source: List[Tensor], weight: float, piece: int) -> float:
    device = ops.prim.device(target[0])
    apart = torch.zeros([], dtype=4, device=device)
    unmoved = torch.zeros([], dtype=4, device=device)
    for i in range(torch.len(target)):
      axis, rows, step = (self).cut(target[i], piece)
      for row in range(0, rows, step):
        begin = (self).part(target[i], axis, row, step)
        end = torch.to((self).part(source[i], axis, row, step), begin)
        differs = torch.ne(begin, end)
        stays = torch.eq(torch.lerp(begin, end, weight), begin)
        torch.add_(apart, torch.count_nonzero(differs))
        torch.add_(unmoved, torch.count_nonzero(torch.logical_and(differs, stays)))
    count = float(apart)
    if torch.eq(count, 0.0):
      share = 0.0
    else:
      share = torch.div(float(unmoved), count)
    return share
