"""Assets, checks, jobs, schedule and sensors, a module for each kind."""
