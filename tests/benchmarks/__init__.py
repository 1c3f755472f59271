"""What `manage.py bench` measures. Floors lie in `floor/`, data makers in `goods` and `archive`."""
