// bias_act on CPU for the piecewise linear activations: bias, activation, gain and clamp in one pass over memory.
#include "bias_act.h"

#include <algorithm>

namespace {

constexpr int64_t WORTH_THREADS = 65536;  // below, waking a second thread costs more than it saves

struct Shape {
    int64_t outer, channels, inner;  // element (o, c, i) lies at (o * channels + c) * inner + i
};

// Runs row(start, bias of the first element, step of the bias, count) over stretches that share a simple bias pattern.
template <class T, class Row>
void each_row(Shape shape, T const* bias, int64_t threads, Row row) {
    bool const worth = shape.outer * shape.channels * shape.inner >= WORTH_THREADS;
    if (shape.inner == 1) {
#pragma omp parallel for num_threads(threads) schedule(static) if (worth)
        for (int64_t o = 0; o < shape.outer; ++o) row(o * shape.channels, bias, T(0), shape.channels);
    } else {
#pragma omp parallel for num_threads(threads) schedule(static) if (worth)
        for (int64_t r = 0; r < shape.outer * shape.channels; ++r) {
            T const shift = bias ? T(bias[r % shape.channels]) : T(0);
            row(r * shape.inner, static_cast<T const*>(nullptr), shift, shape.inner);
        }
    }
}

template <class T, int ACT>
void forward(T const* x, T const* bias, T* y, Shape shape, double gain, double clamp, int64_t threads) {
    T const scale = T(gain), limit = clamp < 0 ? T(INFINITY) : T(clamp);
    each_row<T>(shape, bias, threads, [=](int64_t start, T const* shifts, T shift, int64_t count) {
        T const* in = x + start;
        T* out = y + start;
        auto one = [&](T t) { return T(std::min(std::max(activate<T, ACT>(t, 0) * scale, -limit), limit)); };
        if (shifts) {
#pragma omp simd
            for (int64_t i = 0; i < count; ++i) out[i] = one(T(in[i]) + T(shifts[i]));
        } else {
#pragma omp simd
            for (int64_t i = 0; i < count; ++i) out[i] = one(T(in[i]) + shift);
        }
    });
}

// The derivative is read from the result: its sign is that of the argument, its size says whether the clamp was met.
template <class T, int ACT>
void gradient(T const* y, T const* dy, T* dx, int64_t count, double gain, double clamp, int64_t threads) {
    T const scale = T(gain), limit = clamp < 0 ? T(INFINITY) : T(clamp);
#pragma omp parallel for simd num_threads(threads) schedule(static) if (count >= WORTH_THREADS)
    for (int64_t i = 0; i < count; ++i) {
        T const v = T(y[i]);
        bool const inside = v < limit && v > -limit;
        dx[i] = T(inside ? T(dy[i]) * scale * activate<T, ACT>(v, 1) : T(0));
    }
}

template <class T>
int forward_typed(void const* x, void const* b, void* y, Shape s, int64_t act, double gain, double clamp, int64_t n) {
    auto in = static_cast<T const*>(x), bias = static_cast<T const*>(b);
    auto out = static_cast<T*>(y);
    switch (act) {
        case LINEAR: forward<T, LINEAR>(in, bias, out, s, gain, clamp, n); return 0;
        case RELU: forward<T, RELU>(in, bias, out, s, gain, clamp, n); return 0;
        case LRELU: forward<T, LRELU>(in, bias, out, s, gain, clamp, n); return 0;
    }
    return 1;
}

template <class T>
int gradient_typed(void const* y, void const* dy, void* dx, int64_t count, int64_t act, double gain, double clamp,
                   int64_t n) {
    auto value = static_cast<T const*>(y), above = static_cast<T const*>(dy);
    auto below = static_cast<T*>(dx);
    switch (act) {
        case LINEAR: gradient<T, LINEAR>(value, above, below, count, gain, clamp, n); return 0;
        case RELU: gradient<T, RELU>(value, above, below, count, gain, clamp, n); return 0;
        case LRELU: gradient<T, LRELU>(value, above, below, count, gain, clamp, n); return 0;
    }
    return 1;
}

}  // namespace

extern "C" int bias_act_forward(void const* x, void const* bias, void* y, int64_t outer, int64_t channels,
                                int64_t inner, int64_t act, double gain, double clamp, int64_t type, int64_t threads) {
    Shape const shape{outer, channels, inner};
    switch (type) {
        case 0: return forward_typed<float>(x, bias, y, shape, act, gain, clamp, threads);
        case 1: return forward_typed<double>(x, bias, y, shape, act, gain, clamp, threads);
    }
    return 1;
}

// The signature is that of the CUDA form; here the reference is the result, and there is no second derivative.
extern "C" int bias_act_gradient(void const* reference, void const*, void const* dy, void const*, void* dx,
                                 int64_t outer, int64_t channels, int64_t inner, int64_t act, double gain,
                                 double clamp, int64_t type, int64_t threads) {
    int64_t const count = outer * channels * inner;
    switch (type) {
        case 0: return gradient_typed<float>(reference, dy, dx, count, act, gain, clamp, threads);
        case 1: return gradient_typed<double>(reference, dy, dx, count, act, gain, clamp, threads);
    }
    return 1;
}
