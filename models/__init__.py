"""How much and why: rates, screening, hotspots, evaluation. Arrays and tables only."""
