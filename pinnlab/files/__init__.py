"""Fields and solver states in files: HDF5 that h5py, xarray and ParaView open, exports, checkpoints."""
