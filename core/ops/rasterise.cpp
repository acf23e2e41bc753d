// z-buffer over triangles, values at pixels, and strands: CPU. Each task is one band of rows of one picture.
#include "rasterise.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

namespace {
constexpr int64_t BAND = 24;  // rows of a task

struct Picture {
    int64_t vertices, triangles, height, width;
};

void draw_band(float const* points, int32_t const* corners, Picture const& p, int64_t top, int64_t bottom, int32_t* number,
               float* weights, float* depth) {
    for (int64_t at = top * p.width; at < bottom * p.width; ++at) number[at] = -1, depth[at] = 0.0f;
    std::fill(weights + top * p.width * 2, weights + bottom * p.width * 2, 0.0f);
    for (int64_t face = 0; face < p.triangles; ++face) {
        int32_t const* own = corners + face * 3;
        float const y0 = points[own[0] * 3 + 1], y1 = points[own[1] * 3 + 1], y2 = points[own[2] * 3 + 1];
        float const low = smaller(y0, smaller(y1, y2)), high = larger(y0, larger(y1, y2));
        if (!(high >= float(top) && low <= float(bottom))) continue;
        Triangle t;
        if (!read_triangle(points, own, t)) continue;
        int64_t left, right, upper, lower;
        span(smaller(t.x[0], smaller(t.x[1], t.x[2])), larger(t.x[0], larger(t.x[1], t.x[2])), p.width, left, right);
        span(low, high, p.height, upper, lower);
        for (int64_t row = std::max(upper, top); row < std::min(lower, bottom); ++row)
            for (int64_t column = left; column < right; ++column) {
                float z, first, second;
                if (!hit_triangle(t, float(column) + 0.5f, float(row) + 0.5f, z, first, second)) continue;
                int64_t const at = row * p.width + column;
                if (number[at] >= 0 && !(z < depth[at])) continue;
                number[at] = int32_t(face), depth[at] = z;
                weights[at * 2] = first, weights[at * 2 + 1] = second;
            }
    }
}
}  // namespace

extern "C" int rasterise_triangles(float const* points, int32_t const* corners, int64_t batch, int64_t vertices,
                                   int64_t triangles, int64_t height, int64_t width, int32_t* number, float* weights,
                                   float* depth, int64_t threads) {
    int64_t const bands = (height + BAND - 1) / BAND, pixels = height * width;
    Picture const picture{vertices, triangles, height, width};
#pragma omp parallel for schedule(dynamic, 1) num_threads(int(threads))
    for (int64_t task = 0; task < batch * bands; ++task) {
        int64_t const one = task / bands, top = task % bands * BAND;
        draw_band(points + one * vertices * 3, corners, picture, top, std::min(top + BAND, height), number + one * pixels,
                  weights + one * pixels * 2, depth + one * pixels);
    }
    return 0;
}

// values (batch, vertices, channels) at pixels given by their number in the whole batch
extern "C" int rasterise_gather(float const* values, int32_t const* corners, int32_t const* number, float const* weights,
                                int64_t const* pixel, int64_t count, int64_t pixels, int64_t vertices, int64_t channels,
                                float* out, int64_t threads) {
#pragma omp parallel for schedule(static) num_threads(int(threads))
    for (int64_t i = 0; i < count; ++i) {
        int64_t const at = pixel[i];
        float const* own = values + at / pixels * vertices * channels;
        int32_t const* corner = corners + int64_t(number[at]) * 3;
        float const first = weights[at * 2], second = weights[at * 2 + 1], third = 1.0f - first - second;
        float const *a = own + corner[0] * channels, *b = own + corner[1] * channels, *c = own + corner[2] * channels;
        for (int64_t k = 0; k < channels; ++k) out[i * channels + k] = first * a[k] + second * b[k] + third * c[k];
    }
    return 0;
}

namespace {
struct Strands {
    float const *points, *width, *colour;
    int64_t count, length, height, columns;
};

void draw_strands(Strands const& s, float const* wall, int64_t top, int64_t bottom, float* colour, float* coverage,
                  float* depth) {
    // not cleared: a list is read no further than its count
    std::unique_ptr<Fragment[]> const lists(new Fragment[size_t((bottom - top) * s.columns * LAYERS)]);
    std::vector<int> counts(size_t((bottom - top) * s.columns), 0);
    for (int64_t strand = 0; strand < s.count; ++strand) {
        float const* own = s.points + strand * s.length * 3;
        float low = own[1], high = own[1], wide = s.width[strand * s.length];
        for (int64_t step = 1; step < s.length; ++step) {
            low = smaller(low, own[step * 3 + 1]);
            high = larger(high, own[step * 3 + 1]);
            wide = larger(wide, s.width[strand * s.length + step]);
        }
        if (wide <= 0.0f) continue;
        if (low > float(bottom) + 8.0f || high < float(top) - 8.0f) continue;
        for (int64_t step = 0; step + 1 < s.length; ++step) {
            int64_t const at = strand * s.length + step;
            float const y0 = s.points[at * 3 + 1], y1 = s.points[at * 3 + 4];
            if (smaller(y0, y1) > float(bottom) + 8.0f || larger(y0, y1) < float(top) - 8.0f) continue;
            Segment segment;
            if (!read_segment(s.points + at * 3, s.width + at, segment)) continue;
            int64_t box[4];
            segment_box(segment, s.columns, s.height, box);
            float const* first = s.colour + at * 4;
            float const reach = larger(segment.half, segment.half + segment.half_step) + 1.5f;
            bool const upright = segment.dy * segment.dy * 64.0f > segment.dx * segment.dx;
            float const lean = upright ? segment.dx / segment.dy : 0.0f;
            float const aside = upright ? reach * std::sqrt(1.0f + lean * lean) : 0.0f;
            for (int64_t row = std::max(box[2], top); row < std::min(box[3], bottom); ++row) {
                int64_t left = box[0], right = box[1];
                if (upright) {  // only the pixels about where the line crosses this row
                    float const middle = segment.x + (float(row) + 0.5f - segment.y) * lean;
                    left = std::max(left, int64_t(std::max(middle - aside, 0.0f)));
                    right = std::min(right, int64_t(std::max(middle + aside, 0.0f)) + 1);
                }
                for (int64_t column = left; column < right; ++column) {
                    float along;
                    float const share = cover_segment(segment, float(column) + 0.5f, float(row) + 0.5f, along);
                    if (share <= 0.0f) continue;
                    float const z = segment.z + along * segment.dz, behind = wall[row * s.columns + column];
                    if (behind > 0.0f && z > behind) continue;
                    int64_t const cell = (row - top) * s.columns + column;
                    Fragment fragment{z, share * (first[3] + along * (first[7] - first[3])), 0, 0, 0, int32_t(at)};
                    Fragment* list = lists.get() + cell * LAYERS;
                    if (counts[cell] == LAYERS && z > list[LAYERS - 1].depth) continue;
                    fragment.red = first[0] + along * (first[4] - first[0]);
                    fragment.green = first[1] + along * (first[5] - first[1]);
                    fragment.blue = first[2] + along * (first[6] - first[2]);
                    insert_fragment(list, counts[cell], fragment);
                }
            }
        }
    }
    for (int64_t cell = 0; cell < (bottom - top) * s.columns; ++cell) {
        int64_t const at = top * s.columns + cell;
        composite(lists.get() + cell * LAYERS, counts[cell], colour + at * 3, coverage[at], depth[at]);
    }
}
}  // namespace

extern "C" int rasterise_strands(float const* points, float const* width, float const* colour, float const* wall,
                                 int64_t batch, int64_t count, int64_t length, int64_t height, int64_t columns,
                                 float* out_colour, float* out_coverage, float* out_depth, int64_t threads) {
    int64_t const bands = (height + BAND - 1) / BAND, pixels = height * columns, knots = count * length;
#pragma omp parallel for schedule(dynamic, 1) num_threads(int(threads))
    for (int64_t task = 0; task < batch * bands; ++task) {
        int64_t const one = task / bands, top = task % bands * BAND;
        Strands const s{points + one * knots * 3, width + one * knots, colour + one * knots * 4, count, length, height,
                        columns};
        draw_strands(s, wall + one * pixels, top, std::min(top + BAND, height), out_colour + one * pixels * 3,
                     out_coverage + one * pixels, out_depth + one * pixels);
    }
    return 0;
}
