"""What people report: factories, crashes, casualties; taken in, checked, kept, accounted for."""
