"""How the C library of a training is to handle memory."""

# glibc gives large blocks back to the system after every layer and takes them again; keeping them
# makes training on a CPU a tenth faster. Variables of the environment, in bytes.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
    "MALLOC_TOP_PAD_": str(2**28),
}
