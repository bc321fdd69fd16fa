"""What was kept: versions of data in git and DVC."""
