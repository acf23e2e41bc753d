// Structural similarity on CUDA, 3 x 3 windows with reflected edges; a thread per pixel, neighbours come from the cache.
#include "ssim.h"

#include <cuda_runtime.h>

namespace {

constexpr int THREADS = 256;
constexpr float NINTH = 1.0f / 9.0f;

__global__ void __launch_bounds__(THREADS) forward(float const* x, float const* y, float* value, float* by_mean,
                                                   float* by_square, float* by_product, int64_t count, int height,
                                                   int width) {
    int64_t const at = int64_t(blockIdx.x) * THREADS + threadIdx.x;
    if (at >= count) return;
    int const column = int(at % width), row = int(at / width % height);
    int64_t const start = at - int64_t(row) * width - column;
    float sum[5] = {};
#pragma unroll
    for (int i = -1; i <= 1; ++i) {
#pragma unroll
        for (int j = -1; j <= 1; ++j) {
            int64_t const from = start + reflect(row + i, height) * width + reflect(column + j, width);
            float const a = x[from], b = y[from];
            sum[0] += a;
            sum[1] += b;
            sum[2] += a * a;
            sum[3] += b * b;
            sum[4] += a * b;
        }
    }
    Similarity const found =
        compare(sum[0] * NINTH, sum[1] * NINTH, sum[2] * NINTH, sum[3] * NINTH, sum[4] * NINTH);
    value[at] = found.value;
    if (by_mean) {
        by_mean[at] = found.by_mean;
        by_square[at] = found.by_square;
        by_product[at] = found.by_product;
    }
}

__global__ void __launch_bounds__(THREADS) backward(float const* x, float const* y, float const* above,
                                                    float const* by_mean, float const* by_square,
                                                    float const* by_product, float* dx, int64_t count, int height,
                                                    int width) {
    int64_t const at = int64_t(blockIdx.x) * THREADS + threadIdx.x;
    if (at >= count) return;
    int const column = int(at % width), row = int(at / width % height);
    int64_t const start = at - int64_t(row) * width - column;
    float mean = 0, square = 0, product = 0;
#pragma unroll
    for (int i = -1; i <= 1; ++i) {
        float const share_row = shares(row + i, row, height);
#pragma unroll
        for (int j = -1; j <= 1; ++j) {
            float const share = share_row * shares(column + j, column, width);
            if (share == 0) continue;
            int64_t const from = start + int64_t(row + i) * width + column + j;
            float const weight = share * above[from];
            mean += weight * by_mean[from];
            square += weight * by_square[from];
            product += weight * by_product[from];
        }
    }
    dx[at] = NINTH * (mean + 2 * x[at] * square + y[at] * product);
}

}  // namespace

extern "C" int ssim_forward(float const* x, float const* y, float* value, float* by_mean, float* by_square,
                            float* by_product, int64_t planes, int64_t height, int64_t width, cudaStream_t stream) {
    int64_t const count = planes * height * width;
    unsigned const blocks = unsigned((count + THREADS - 1) / THREADS);
    forward<<<blocks, THREADS, 0, stream>>>(x, y, value, by_mean, by_square, by_product, count, int(height), int(width));
    return cudaGetLastError();
}

extern "C" int ssim_backward(float const* x, float const* y, float const* above, float const* by_mean,
                             float const* by_square, float const* by_product, float* dx, int64_t planes, int64_t height,
                             int64_t width, cudaStream_t stream) {
    int64_t const count = planes * height * width;
    unsigned const blocks = unsigned((count + THREADS - 1) / THREADS);
    backward<<<blocks, THREADS, 0, stream>>>(x, y, above, by_mean, by_square, by_product, dx, count, int(height),
                                             int(width));
    return cudaGetLastError();
}
