// Chunks of an HDF5 file unpacked by a filter's plugin, several at a call, so that Python's lock is free for long.
#pragma once
#include <cstdlib>
#include <cstring>

// H5Z_func_t of H5Zpublic.h: replaces the buffer, made by malloc, and returns the bytes in the new one, 0 if it fails.
typedef size_t (*Filter)(unsigned flags, size_t settings, const unsigned* setting, size_t bytes, size_t* size,
                         void** buffer);

// out (chunks, out_bytes); packed: where each chunk lies, bytes: how many it has. Returns how many chunks were unpacked
// before one that doesn't make up out_bytes.
extern "C" int unpack_chunks(unsigned char* out, size_t out_bytes, const void* const* packed, const size_t* bytes,
                             int chunks, Filter filter, size_t settings, const unsigned* setting) {
    const unsigned reverse = 0x0100; // H5Z_FLAG_REVERSE
    const size_t header = 64;        // plugins read one, also where damage has left less than that
    for (int i = 0; i < chunks; i++) {
        size_t size = bytes[i];
        void* buffer = malloc(size + header);
        if (!buffer)
            return i;
        memcpy(buffer, packed[i], size);
        memset((char*)buffer + size, 0, header);
        const size_t made = filter(reverse, settings, setting, size, &size, &buffer);
        const bool whole = made == out_bytes;
        if (whole)
            memcpy(out + i * out_bytes, buffer, out_bytes);
        free(buffer);
        if (!whole)
            return i;
    }
    return chunks;
}
