"""A sound file into samples: decoded, cut, one channel, one rate."""
