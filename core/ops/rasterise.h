// The geometry of one triangle and one strand segment at one pixel, shared by the C++ and the CUDA form of rasterise.
#pragma once
#include <cstdint>

#ifdef __CUDACC__
#define LIKENESS_INLINE __host__ __device__ __forceinline__
#else
#define LIKENESS_INLINE inline
#endif

constexpr int LAYERS = 8;  // nearest strand fragments that a pixel keeps
constexpr float NEAR = 1e-3f;
constexpr float CLOSED = 0.999f;  // opacity from which nothing behind is seen

LIKENESS_INLINE float smaller(float a, float b) { return a < b ? a : b; }
LIKENESS_INLINE float larger(float a, float b) { return a > b ? a : b; }

// Pixels [low, high) whose centres can lie between two bounds.
LIKENESS_INLINE void span(float low, float high, int64_t limit, int64_t& first, int64_t& last) {
    float const held_low = larger(low - 0.5f, 0.0f), held_high = smaller(high - 0.5f, float(limit - 1));
    first = int64_t(held_low);
    first += float(first) < held_low ? 1 : 0;
    last = held_high < 0.0f ? 0 : int64_t(held_high) + 1;
}

struct Triangle {
    float x[3], y[3], inverse[3];  // screen place and 1 / depth of each corner
    float area;
};

LIKENESS_INLINE bool read_triangle(float const* points, int32_t const* corners, Triangle& t) {
    for (int i = 0; i < 3; ++i) {
        float const* point = points + int64_t(corners[i]) * 3;
        if (!(point[2] > NEAR)) return false;
        t.x[i] = point[0];
        t.y[i] = point[1];
        t.inverse[i] = 1.0f / point[2];
    }
    t.area = (t.x[1] - t.x[0]) * (t.y[2] - t.y[0]) - (t.x[2] - t.x[0]) * (t.y[1] - t.y[0]);
    return t.area > 1e-8f || t.area < -1e-8f;
}

// Depth and perspective-correct weights of corners 0 and 1 at a pixel's centre; false outside.
LIKENESS_INLINE bool hit_triangle(Triangle const& t, float px, float py, float& depth, float& first, float& second) {
    float const x0 = t.x[0] - px, x1 = t.x[1] - px, x2 = t.x[2] - px;
    float const y0 = t.y[0] - py, y1 = t.y[1] - py, y2 = t.y[2] - py;
    float const a = (x1 * y2 - x2 * y1) / t.area;
    float const b = (x2 * y0 - x0 * y2) / t.area;
    float const c = 1.0f - a - b;
    if (!(a >= 0.0f && b >= 0.0f && c >= 0.0f)) return false;
    float const qa = a * t.inverse[0], qb = b * t.inverse[1], qc = c * t.inverse[2];
    depth = 1.0f / (qa + qb + qc);
    first = qa * depth;
    second = qb * depth;
    return true;
}

struct Fragment {
    float depth, alpha, red, green, blue;
    int32_t id;
};

struct Segment {
    float x, y, z, dx, dy, dz, inverse_length2, half, half_step;
};

LIKENESS_INLINE bool read_segment(float const* point, float const* width, Segment& s) {
    s.x = point[0], s.y = point[1], s.z = point[2];
    s.dx = point[3] - s.x, s.dy = point[4] - s.y, s.dz = point[5] - s.z;
    s.half = 0.5f * width[0], s.half_step = 0.5f * (width[1] - width[0]);
    float const length2 = s.dx * s.dx + s.dy * s.dy;
    s.inverse_length2 = length2 > 1e-8f ? 1.0f / length2 : 0.0f;
    return s.z > NEAR && s.z + s.dz > NEAR && larger(s.half, s.half + s.half_step) > 0.0f && length2 > 1e-8f;
}

LIKENESS_INLINE void segment_box(Segment const& s, int64_t width, int64_t height, int64_t box[4]) {
    float const reach = larger(s.half, s.half + s.half_step) + 0.5f;
    span(smaller(s.x, s.x + s.dx) - reach, larger(s.x, s.x + s.dx) + reach, width, box[0], box[1]);
    span(smaller(s.y, s.y + s.dy) - reach, larger(s.y, s.y + s.dy) + reach, height, box[2], box[3]);
}

// The share of the pixel that a strip of the strand's width covers (box filter across the strand), and where along it.
LIKENESS_INLINE float cover_segment(Segment const& s, float px, float py, float& along) {
    float const rx = px - s.x, ry = py - s.y;
    along = (rx * s.dx + ry * s.dy) * s.inverse_length2;
    if (!(along >= 0.0f && along < 1.0f)) return 0.0f;  // half open: a joint is drawn once
    float const ox = rx - along * s.dx, oy = ry - along * s.dy;
    float const apart2 = ox * ox + oy * oy;
    float const half = s.half + along * s.half_step;
    float const reach = half + 0.5f;
    if (!(apart2 < reach * reach)) return 0.0f;
#ifdef __CUDA_ARCH__
    float const apart = sqrtf(apart2);
#else
    float const apart = __builtin_sqrtf(apart2);
#endif
    return larger(smaller(apart + 0.5f, half) - larger(apart - 0.5f, -half), 0.0f);
}

// Keeps the nearest LAYERS fragments, nearest first; ties go to the lower number, so the order of arrival is no matter.
LIKENESS_INLINE void insert_fragment(Fragment* list, int& count, Fragment const& fragment) {
    int place = count;
    while (place > 0 && (list[place - 1].depth > fragment.depth ||
                         (list[place - 1].depth == fragment.depth && list[place - 1].id > fragment.id)))
        --place;
    if (place >= LAYERS) return;
    int const last = count < LAYERS ? count : LAYERS - 1;
    for (int i = last; i > place; --i) list[i] = list[i - 1];
    list[place] = fragment;
    count = count < LAYERS ? count + 1 : LAYERS;
}

// Front to back; out: premultiplied colour, coverage, and the depth of the fragment that carries most.
LIKENESS_INLINE void composite(Fragment const* list, int count, float* colour, float& coverage, float& depth) {
    float through = 1.0f, most = 0.0f, red = 0.0f, green = 0.0f, blue = 0.0f;
    depth = 0.0f;
    for (int i = 0; i < count && through > 1.0f - CLOSED; ++i) {
        float const part = through * list[i].alpha;
        red += part * list[i].red;
        green += part * list[i].green;
        blue += part * list[i].blue;
        if (part > most) most = part, depth = list[i].depth;
        through *= 1.0f - list[i].alpha;
    }
    colour[0] = red, colour[1] = green, colour[2] = blue;
    coverage = 1.0f - through;
}
