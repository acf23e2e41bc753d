// z-buffer over triangles, values at pixels, and strands: CUDA. A triangle is a thread (atomic minimum of depth and
// number); strands are listed per tile first, then each pixel of a tile walks its tile's list.
#include "rasterise.h"

#include <cuda_runtime.h>

namespace {
constexpr int BLOCK = 128;
constexpr int TILE = 8;
constexpr unsigned long long EMPTY = ~0ull;

int64_t blocks(int64_t count) { return (count + BLOCK - 1) / BLOCK; }

struct Sizes {
    int64_t batch, vertices, triangles, height, width;
};

__global__ void draw(float const* points, int32_t const* corners, Sizes s, unsigned long long* nearest) {
    int64_t const at = int64_t(blockIdx.x) * BLOCK + threadIdx.x;
    if (at >= s.batch * s.triangles) return;
    int64_t const one = at / s.triangles, face = at % s.triangles;
    Triangle t;
    if (!read_triangle(points + one * s.vertices * 3, corners + face * 3, t)) return;
    int64_t left, right, upper, lower;
    span(smaller(t.x[0], smaller(t.x[1], t.x[2])), larger(t.x[0], larger(t.x[1], t.x[2])), s.width, left, right);
    span(smaller(t.y[0], smaller(t.y[1], t.y[2])), larger(t.y[0], larger(t.y[1], t.y[2])), s.height, upper, lower);
    for (int64_t row = upper; row < lower; ++row)
        for (int64_t column = left; column < right; ++column) {
            float z, first, second;
            if (!hit_triangle(t, float(column) + 0.5f, float(row) + 0.5f, z, first, second)) continue;
            unsigned long long const key = (static_cast<unsigned long long>(__float_as_uint(z)) << 32) | uint32_t(face);
            atomicMin(nearest + (one * s.height + row) * s.width + column, key);
        }
}

__global__ void resolve(float const* points, int32_t const* corners, Sizes s, unsigned long long const* nearest,
                        int32_t* number, float* weights, float* depth) {
    int64_t const at = int64_t(blockIdx.x) * BLOCK + threadIdx.x;
    if (at >= s.batch * s.height * s.width) return;
    number[at] = -1, depth[at] = 0.0f, weights[at * 2] = 0.0f, weights[at * 2 + 1] = 0.0f;
    if (nearest[at] == EMPTY) return;
    int64_t const one = at / (s.height * s.width), row = at / s.width % s.height, column = at % s.width;
    int32_t const face = int32_t(nearest[at] & 0xffffffffull);
    Triangle t;
    read_triangle(points + one * s.vertices * 3, corners + int64_t(face) * 3, t);
    hit_triangle(t, float(column) + 0.5f, float(row) + 0.5f, depth[at], weights[at * 2], weights[at * 2 + 1]);
    number[at] = face;
}

__global__ void gather(float const* values, int32_t const* corners, int32_t const* number, float const* weights,
                       int64_t const* pixel, int64_t count, int64_t pixels, int64_t vertices, int64_t channels, float* out) {
    int64_t const i = int64_t(blockIdx.x) * BLOCK + threadIdx.x;
    if (i >= count * channels) return;
    int64_t const at = pixel[i / channels], k = i % channels;
    float const* own = values + at / pixels * vertices * channels + k;
    int32_t const* corner = corners + int64_t(number[at]) * 3;
    float const first = weights[at * 2], second = weights[at * 2 + 1];
    out[i] = first * own[corner[0] * channels] + second * own[corner[1] * channels] +
             (1.0f - first - second) * own[corner[2] * channels];
}

struct Strands {
    float const *points, *width;
    int64_t batch, count, length, height, columns;
};

// Counts (list == nullptr) or writes the segments that touch each tile.
__global__ void list_segments(Strands s, int64_t const* start, int32_t* filled, int32_t* list) {
    int64_t const number = int64_t(blockIdx.x) * BLOCK + threadIdx.x, steps = s.length - 1;
    if (number >= s.batch * s.count * steps) return;
    int64_t const one = number / (s.count * steps), strand = number / steps % s.count, step = number % steps;
    int64_t const at = (one * s.count + strand) * s.length + step;
    Segment segment;
    if (!read_segment(s.points + at * 3, s.width + at, segment)) return;
    int64_t box[4];
    segment_box(segment, s.columns, s.height, box);
    if (box[0] >= box[1] || box[2] >= box[3]) return;
    int64_t const across = (s.columns + TILE - 1) / TILE, down = (s.height + TILE - 1) / TILE;
    for (int64_t row = box[2] / TILE; row <= (box[3] - 1) / TILE; ++row)
        for (int64_t column = box[0] / TILE; column <= (box[1] - 1) / TILE; ++column) {
            int64_t const tile = (one * down + row) * across + column;
            int32_t const place = atomicAdd(filled + tile, 1);
            if (list) list[start[tile] + place] = int32_t(strand * s.length + step);
        }
}

__global__ void draw_tiles(Strands s, float const* colour, float const* wall, int64_t const* start, int32_t const* filled,
                           int32_t const* list, float* out_colour, float* out_coverage, float* out_depth) {
    int64_t const across = (s.columns + TILE - 1) / TILE, down = (s.height + TILE - 1) / TILE, tile = blockIdx.x;
    int64_t const one = tile / (across * down);
    int64_t const row = tile / across % down * TILE + threadIdx.x / TILE;
    int64_t const column = tile % across * TILE + threadIdx.x % TILE;
    if (row >= s.height || column >= s.columns) return;
    int64_t const pixel = (one * s.height + row) * s.columns + column, base = one * s.count * s.length;
    Fragment kept[LAYERS];
    int count = 0;
    float const behind = wall[pixel];
    for (int32_t i = 0; i < filled[tile]; ++i) {
        int32_t const id = list[start[tile] + i];
        int64_t const at = base + id;
        Segment segment;
        read_segment(s.points + at * 3, s.width + at, segment);
        float along;
        float const share = cover_segment(segment, float(column) + 0.5f, float(row) + 0.5f, along);
        if (share <= 0.0f) continue;
        float const z = segment.z + along * segment.dz;
        if (behind > 0.0f && z > behind) continue;
        float const* first = colour + at * 4;
        Fragment const fragment{z,
                                share * (first[3] + along * (first[7] - first[3])),
                                first[0] + along * (first[4] - first[0]),
                                first[1] + along * (first[5] - first[1]),
                                first[2] + along * (first[6] - first[2]),
                                id};
        insert_fragment(kept, count, fragment);
    }
    composite(kept, count, out_colour + pixel * 3, out_coverage[pixel], out_depth[pixel]);
}
}  // namespace

extern "C" int rasterise_triangles(float const* points, int32_t const* corners, int64_t batch, int64_t vertices,
                                   int64_t triangles, int64_t height, int64_t width, unsigned long long* nearest,
                                   int32_t* number, float* weights, float* depth, cudaStream_t stream) {
    Sizes const s{batch, vertices, triangles, height, width};
    int64_t const pixels = batch * height * width;
    cudaMemsetAsync(nearest, 0xff, size_t(pixels) * sizeof(unsigned long long), stream);
    draw<<<blocks(batch * triangles), BLOCK, 0, stream>>>(points, corners, s, nearest);
    resolve<<<blocks(pixels), BLOCK, 0, stream>>>(points, corners, s, nearest, number, weights, depth);
    return int(cudaGetLastError());
}

extern "C" int rasterise_gather(float const* values, int32_t const* corners, int32_t const* number, float const* weights,
                                int64_t const* pixel, int64_t count, int64_t pixels, int64_t vertices, int64_t channels,
                                float* out, cudaStream_t stream) {
    if (count == 0) return 0;
    gather<<<blocks(count * channels), BLOCK, 0, stream>>>(values, corners, number, weights, pixel, count, pixels, vertices,
                                                            channels, out);
    return int(cudaGetLastError());
}

extern "C" int rasterise_strands_list(float const* points, float const* width, int64_t batch, int64_t count, int64_t length,
                                      int64_t height, int64_t columns, int64_t const* start, int32_t* filled, int32_t* list,
                                      cudaStream_t stream) {
    Strands const s{points, width, batch, count, length, height, columns};
    list_segments<<<blocks(batch * count * (length - 1)), BLOCK, 0, stream>>>(s, start, filled, list);
    return int(cudaGetLastError());
}

extern "C" int rasterise_strands_draw(float const* points, float const* width, float const* colour, float const* wall,
                                      int64_t batch, int64_t count, int64_t length, int64_t height, int64_t columns,
                                      int64_t const* start, int32_t const* filled, int32_t const* list, float* out_colour,
                                      float* out_coverage, float* out_depth, cudaStream_t stream) {
    Strands const s{points, width, batch, count, length, height, columns};
    int64_t const tiles = batch * ((columns + TILE - 1) / TILE) * ((height + TILE - 1) / TILE);
    draw_tiles<<<tiles, TILE * TILE, 0, stream>>>(s, colour, wall, start, filled, list, out_colour, out_coverage, out_depth);
    return int(cudaGetLastError());
}
