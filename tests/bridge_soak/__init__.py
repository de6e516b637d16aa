"""Everything the bridge does at once, cancelled at random, then counted."""
