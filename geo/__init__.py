"""Where things are: coordinates, OpenStreetMap, networks, placement, lixels, tiles."""
