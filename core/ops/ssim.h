// Structural similarity of one window and its derivatives, shared by the C++ and the CUDA form.
#pragma once
#include <cstdint>

#ifdef __CUDACC__
#define LIKENESS_INLINE __host__ __device__ __forceinline__
#else
#define LIKENESS_INLINE inline
#endif

constexpr float SSIM_C1 = 0.01f * 0.01f, SSIM_C2 = 0.03f * 0.03f;

struct Similarity {
    float value, by_mean, by_square, by_product;  // derivatives by the window's means of x, x^2 and x y
};

// Means over the window: x, y, x^2, y^2, x y. Wang 2004, eq. 13.
LIKENESS_INLINE Similarity compare(float x, float y, float xx, float yy, float xy) {
    float const above_1 = 2 * x * y + SSIM_C1, above_2 = 2 * (xy - x * y) + SSIM_C2;
    float const below_1 = x * x + y * y + SSIM_C1, below_2 = xx - x * x + yy - y * y + SSIM_C2;
    float const inverse = 1 / (below_1 * below_2), value = above_1 * above_2 * inverse;
    return {value, 2 * y * (above_2 - above_1) * inverse + 2 * x * value * (below_1 - below_2) * inverse,
            -value * below_1 * inverse, 2 * above_1 * inverse};
}

// Index of a neighbour, reflected at the edges.
LIKENESS_INLINE int64_t reflect(int64_t at, int64_t size) { return at < 0 ? -at : at >= size ? 2 * size - 2 - at : at; }

// How often place `to` lies in the reflected window around `from`, for neighbours.
LIKENESS_INLINE float shares(int64_t from, int64_t to, int64_t size) {
    if (from < 0 || from >= size) return 0;
    return 1.0f + (from == 0 && to == 1) + (from == size - 1 && to == size - 2);
}
