"""The paper's ablations at small scale: their rows, their trainings, their tables and plots."""
