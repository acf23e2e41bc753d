// The activations and their first and second derivatives, shared by the C++ and the CUDA form of bias_act.
#pragma once
#include <cmath>
#include <cstdint>

#ifdef __CUDACC__
#define LIKENESS_INLINE __host__ __device__ __forceinline__
#else
#define LIKENESS_INLINE inline
#endif

enum Act : int64_t { LINEAR, RELU, LRELU, TANH, SIGMOID, ELU, SELU, SOFTPLUS, SWISH };

constexpr double SLOPE = 0.2;  // of the leaky rectifier, Karras 2018
constexpr double SELU_SCALE = 1.0507009873554805;
constexpr double SELU_ALPHA = 1.6732632423543772;

// Order 0 is the activation of t, 1 and 2 its derivatives.
template <class T, int ACT>
LIKENESS_INLINE T activate(T t, int order) {
    T const one = T(1), zero = T(0);
    if constexpr (ACT == LINEAR) return order == 0 ? t : order == 1 ? one : zero;
    if constexpr (ACT == RELU) return order == 0 ? (t > zero ? t : zero) : order == 1 ? (t > zero ? one : zero) : zero;
    if constexpr (ACT == LRELU) {
        T const slope = t > zero ? one : T(SLOPE);
        return order == 0 ? t * slope : order == 1 ? slope : zero;
    }
    if constexpr (ACT == TANH) {
        T const y = std::tanh(t), d = one - y * y;
        return order == 0 ? y : order == 1 ? d : T(-2) * y * d;
    }
    if constexpr (ACT == SIGMOID) {
        T const y = one / (one + std::exp(-t)), d = y * (one - y);
        return order == 0 ? y : order == 1 ? d : d * (one - y - y);
    }
    if constexpr (ACT == ELU) {
        if (t > zero) return order == 0 ? t : order == 1 ? one : zero;
        return order == 0 ? std::expm1(t) : std::exp(t);
    }
    if constexpr (ACT == SELU) {
        if (t > zero) return order == 0 ? T(SELU_SCALE) * t : order == 1 ? T(SELU_SCALE) : zero;
        return T(SELU_SCALE * SELU_ALPHA) * (order == 0 ? std::expm1(t) : std::exp(t));
    }
    if constexpr (ACT == SOFTPLUS) {
        T const s = one / (one + std::exp(-t));
        if (order == 0) return (t > zero ? t : zero) + std::log1p(std::exp(t > zero ? -t : t));
        return order == 1 ? s : s * (one - s);
    }
    T const s = one / (one + std::exp(-t)), d = s * (one - s);  // SWISH
    return order == 0 ? t * s : order == 1 ? s + t * d : d * (T(2) + t * (one - s - s));
}
