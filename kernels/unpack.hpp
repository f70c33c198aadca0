// Chunks of an HDF5 file unpacked by a filter's plugin, several at a call, so that Python's lock is free for long.
#pragma once
#include <cstdlib>
#include <cstring>

// H5Z_func_t of H5Zpublic.h: replaces the buffer, made by malloc, and returns the bytes in the new one, 0 if it fails.
typedef size_t (*Filter)(unsigned flags, size_t settings, const unsigned* setting, size_t bytes, size_t* size,
                         void** buffer);

static size_t big_endian(const unsigned char* from, int count) {
    size_t value = 0;
    for (int i = 0; i < count; i++)
        value = value << 8 | from[i];
    return value;
}

// Whether the blocks of a packed chunk lie within its bytes, which plugins take for granted. It begins with what it
// unpacks to (8 bytes) and what a block of that is (4), both big-endian; each packed block follows its size (4). Blocks hold
// a multiple of `unit` bytes, the last one less than the others; what is less than a unit follows as it is.
static bool holds_blocks(const unsigned char* packed, size_t bytes, size_t out_bytes, size_t unit) {
    size_t at = 12, left = out_bytes;
    if (bytes < at || big_endian(packed, 8) != out_bytes)
        return false;
    const size_t block = big_endian(packed + 8, 4);
    if (block == 0 || block % unit != 0)
        return false;
    while (left >= unit) {
        if (bytes - at < 4)
            return false;
        const size_t size = big_endian(packed + at, 4);
        at += 4;
        if (bytes - at < size)
            return false;
        at += size;
        left -= left < block ? left - left % unit : block;
    }
    return bytes - at >= left;
}

// out (chunks, out_bytes); packed: where each chunk lies, bytes: how many it has. Returns how many chunks were unpacked
// before one that doesn't make up out_bytes; -1 where there is no memory. unit: of blocks, see holds_blocks; 0 where there are none.
extern "C" int unpack_chunks(unsigned char* out, size_t out_bytes, const unsigned char* const* packed,
                             const size_t* bytes, int chunks, size_t unit, Filter filter, size_t settings,
                             const unsigned* setting) {
    const unsigned reverse = 0x0100; // H5Z_FLAG_REVERSE
    const size_t header = 64;        // plugins read one, also where damage has left less than that
    for (int i = 0; i < chunks; i++) {
        if (unit && !holds_blocks(packed[i], bytes[i], out_bytes, unit))
            return i;
        size_t size = bytes[i];
        void* buffer = malloc(size + header);
        if (!buffer)
            return -1;
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
