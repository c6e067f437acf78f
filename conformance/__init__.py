"""The scenarios that certify a device, and the catalogue of what is demanded of it."""
