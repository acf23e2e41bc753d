"""Distance and camera motion from video: every pixel's metres, and the way the camera went."""
