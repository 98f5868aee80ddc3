class Ops(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  def least_squares(self: __torch__.Ops, system: List[Tensor], cutoff: float) -> List[float]:
    solution, residuals, rank, singular = torch.linalg_lstsq(system[0], system[1], cutoff, driver="gelsd")
    flat = torch.reshape(solution, [-1])
    values = annotate(List[float], [])
    for i in range(torch.numel(flat)):
      torch.append(values, float(torch.select(flat, 0, i)))
    return values
