// Structural similarity on CPU, 3 x 3 windows with reflected edges: all five window sums in one pass over the pictures.
#include "ssim.h"

#include <vector>

namespace {

constexpr float NINTH = 1.0f / 9.0f;

// Sums of three neighbours along a row whose ends are reflected; `line` has one place before and one after the row.
inline void close_ends(float* line, int64_t width) {
    line[-1] = line[1];
    line[width] = line[width - 2];
}

}  // namespace

// by_* may be null where no gradient is wanted.
extern "C" int ssim_forward(float const* x, float const* y, float* value, float* by_mean, float* by_square,
                            float* by_product, int64_t planes, int64_t height, int64_t width, int64_t threads) {
#pragma omp parallel num_threads(threads) if (planes * height * width >= 65536)
    {
        std::vector<float> held(5 * (width + 2));
        float* line[5];
        for (int k = 0; k < 5; ++k) line[k] = held.data() + k * (width + 2) + 1;
#pragma omp for collapse(2) schedule(static)
        for (int64_t plane = 0; plane < planes; ++plane) {
            for (int64_t row = 0; row < height; ++row) {
                int64_t const start = plane * height * width, above = reflect(row - 1, height), below = reflect(row + 1, height);
                float const *xa = x + start + above * width, *xm = x + start + row * width, *xb = x + start + below * width;
                float const *ya = y + start + above * width, *ym = y + start + row * width, *yb = y + start + below * width;
                float *sx = line[0], *sy = line[1], *sxx = line[2], *syy = line[3], *sxy = line[4];
#pragma omp simd
                for (int64_t i = 0; i < width; ++i) {
                    sx[i] = xa[i] + xm[i] + xb[i];
                    sy[i] = ya[i] + ym[i] + yb[i];
                    sxx[i] = xa[i] * xa[i] + xm[i] * xm[i] + xb[i] * xb[i];
                    syy[i] = ya[i] * ya[i] + ym[i] * ym[i] + yb[i] * yb[i];
                    sxy[i] = xa[i] * ya[i] + xm[i] * ym[i] + xb[i] * yb[i];
                }
                for (int k = 0; k < 5; ++k) close_ends(line[k], width);
                int64_t const to = start + row * width;
                float *out = value + to, *mean = by_mean ? by_mean + to : nullptr;
                float *square = by_square ? by_square + to : nullptr, *product = by_product ? by_product + to : nullptr;
                auto at = [&](int64_t i) {
                    return compare((sx[i - 1] + sx[i] + sx[i + 1]) * NINTH, (sy[i - 1] + sy[i] + sy[i + 1]) * NINTH,
                                   (sxx[i - 1] + sxx[i] + sxx[i + 1]) * NINTH, (syy[i - 1] + syy[i] + syy[i + 1]) * NINTH,
                                   (sxy[i - 1] + sxy[i] + sxy[i + 1]) * NINTH);
                };
                if (mean) {
#pragma omp simd
                    for (int64_t i = 0; i < width; ++i) {
                        Similarity const found = at(i);
                        out[i] = found.value;
                        mean[i] = found.by_mean;
                        square[i] = found.by_square;
                        product[i] = found.by_product;
                    }
                } else {
#pragma omp simd
                    for (int64_t i = 0; i < width; ++i) out[i] = at(i).value;
                }
            }
        }
    }
    return 0;
}

// Each window's derivatives go back to the nine places it was summed over.
extern "C" int ssim_backward(float const* x, float const* y, float const* above, float const* by_mean,
                             float const* by_square, float const* by_product, float* dx, int64_t planes, int64_t height,
                             int64_t width, int64_t threads) {
#pragma omp parallel num_threads(threads) if (planes * height * width >= 65536)
    {
        std::vector<float> held(3 * (width + 2));
        float* line[3];
        for (int k = 0; k < 3; ++k) line[k] = held.data() + k * (width + 2) + 1;
        float const* const by[3] = {by_mean, by_square, by_product};
#pragma omp for collapse(2) schedule(static)
        for (int64_t plane = 0; plane < planes; ++plane) {
            for (int64_t row = 0; row < height; ++row) {
                int64_t const start = plane * height * width;
                for (int k = 0; k < 3; ++k) {
                    for (int64_t i = -1; i <= width; ++i) line[k][i] = 0;
                    for (int64_t from = row - 1; from <= row + 1; ++from) {
                        float const share = shares(from, row, height);
                        if (share == 0) continue;
                        float const *weight = above + start + from * width, *slope = by[k] + start + from * width;
                        float* sum = line[k];
#pragma omp simd
                        for (int64_t i = 0; i < width; ++i) sum[i] += share * weight[i] * slope[i];
                    }
                }
                float const *m = line[0], *s = line[1], *p = line[2];
                float const *xr = x + start + row * width, *yr = y + start + row * width;
                float* out = dx + start + row * width;
#pragma omp simd
                for (int64_t i = 0; i < width; ++i)
                    out[i] = NINTH * (m[i - 1] + m[i] + m[i + 1] + 2 * xr[i] * (s[i - 1] + s[i] + s[i + 1]) +
                                      yr[i] * (p[i - 1] + p[i] + p[i + 1]));
                int64_t const last = width - 1;  // reflected columns count the end windows once more
                out[1] += NINTH * (m[0] + 2 * xr[1] * s[0] + yr[1] * p[0]);
                out[last - 1] += NINTH * (m[last] + 2 * xr[last - 1] * s[last] + yr[last - 1] * p[last]);
            }
        }
    }
    return 0;
}
