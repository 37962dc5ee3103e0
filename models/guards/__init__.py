"""What stands beside every estimate: placebos, false discoveries, sensitivity, power, breaks."""
