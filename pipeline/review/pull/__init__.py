"""Pull: everything that the App shows on a pull request, and the commands it reads there. Pure: values in, text out."""
