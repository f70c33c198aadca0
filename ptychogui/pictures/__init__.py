"""From arrays to what a person sees: levels, colors, thumbnails, finished figures."""
