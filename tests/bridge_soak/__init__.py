"""Everything the bridge does at once, cancelled at random, for as long as one likes; then counted."""
