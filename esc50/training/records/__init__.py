"""What a run notes of itself: epochs, time, energy, what it was made with."""
