class Ops(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  def map(self: __torch__.Ops, path: str, begin: int, end: int, dtype: int, shape: List[int]) -> Tensor:
    file = torch.from_file(path, False, end, dtype=dtype)
    return torch.view(torch.slice(file, 0, begin, end), shape)
