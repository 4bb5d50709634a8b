"""What the relay does; every module takes its clock, entropy and stores."""
