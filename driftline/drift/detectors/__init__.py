"""Detectors that run over the ordered stream of decided windows and keep their state on `states`."""
