"""Pages and widgets of the app; they compute nothing and read through pipeline."""
