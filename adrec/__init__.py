"""ADRec: sequential recommendation by auto-regression and token-level diffusion."""
