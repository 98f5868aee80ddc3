class Ops(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  def adamw_(self: __torch__.Ops, state: List[Tensor], gradient: Tensor, step: float, learning_rate: float, beta1: float, beta2: float, weight_decay: float, epsilon: float, rescale: float) -> None:
    if torch.ne(rescale, 1.0):
      torch.mul_(gradient, rescale)
    steps = torch.full([], step, dtype=6, layout=None, device=ops.prim.device(gradient), pin_memory=None)
    none = annotate(List[Tensor], [])
    torch._fused_adamw_([state[0]], [gradient], [state[1]], [state[2]], none, [steps], lr=learning_rate, beta1=beta1, beta2=beta2, weight_decay=weight_decay, eps=epsilon, amsgrad=False, maximize=False)
    return None
