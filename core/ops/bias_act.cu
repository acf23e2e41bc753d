// bias_act on CUDA: bias, activation, gain and clamp in one pass, 16 bytes a thread and step; first and second derivative.
#include "bias_act.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

namespace {

template <class T> struct Wide { using type = float; };
template <> struct Wide<double> { using type = double; };

template <class T, int N> struct alignas(sizeof(T) * N) Pack { T item[N]; };

struct Job {
    void const* reference;  // x, or the result where the derivative is read from it
    void const* bias;
    void const* above;      // order 1: gradient of the result; order 2: also the gradient of the gradient
    void const* above_twice;
    void* out;
    int64_t count, channels, inner;
    double gain, clamp;
    int order;
    bool from_result;
};

template <class T, int ACT, int N>
__global__ void __launch_bounds__(256) run(Job job) {
    using W = typename Wide<T>::type;
    W const gain = W(job.gain), limit = job.clamp < 0 ? W(INFINITY) : W(job.clamp);
    int64_t const stride = int64_t(gridDim.x) * blockDim.x * N;
    for (int64_t at = (int64_t(blockIdx.x) * blockDim.x + threadIdx.x) * N; at < job.count; at += stride) {
        auto const seen = *reinterpret_cast<Pack<T, N> const*>(static_cast<T const*>(job.reference) + at);
        Pack<T, N> above{}, twice{}, out;
        if (job.order > 0) above = *reinterpret_cast<Pack<T, N> const*>(static_cast<T const*>(job.above) + at);
        if (job.order > 1) twice = *reinterpret_cast<Pack<T, N> const*>(static_cast<T const*>(job.above_twice) + at);
        auto const bias = static_cast<T const*>(job.bias);
        int64_t const channel = bias ? (at / job.inner) % job.channels : 0;
        W shift = bias ? W(bias[channel]) : W(0);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            if (bias && job.inner == 1) shift = W(bias[channel + i]);
            W const t = W(seen.item[i]) + shift;
            W result;
            if (job.order == 0) {
                result = activate<W, ACT>(t, 0) * gain;
                result = result < -limit ? -limit : result > limit ? limit : result;
            } else {
                W const value = job.from_result ? t : activate<W, ACT>(t, 0) * gain;
                result = W(above.item[i]) * gain * activate<W, ACT>(t, job.order);
                if (job.order > 1) result *= W(twice.item[i]);
                if (!(value < limit && value > -limit)) result = W(0);
            }
            out.item[i] = T(result);
        }
        *reinterpret_cast<Pack<T, N>*>(static_cast<T*>(job.out) + at) = out;
    }
}

bool packs(Job const& job, int64_t width, int64_t bytes) {
    auto aligned = [&](void const* at) { return reinterpret_cast<uintptr_t>(at) % (width * bytes) == 0; };
    bool const even = job.inner == 1 ? job.channels % width == 0 : job.inner % width == 0;
    return even && job.count % width == 0 && aligned(job.reference) && aligned(job.out) && aligned(job.above) &&
           aligned(job.above_twice);
}

template <class T, int ACT>
int start(Job const& job, cudaStream_t stream) {
    constexpr int WIDTH = 16 / sizeof(T);
    bool const wide = packs(job, WIDTH, sizeof(T));
    int64_t const steps = (job.count / (wide ? WIDTH : 1) + 255) / 256;
    unsigned const blocks = unsigned(steps < 1 ? 1 : steps > 65536 ? 65536 : steps);
    if (wide) run<T, ACT, WIDTH><<<blocks, 256, 0, stream>>>(job);
    else run<T, ACT, 1><<<blocks, 256, 0, stream>>>(job);
    return cudaGetLastError();
}

template <class T>
int start_act(Job const& job, int64_t act, cudaStream_t stream) {
    switch (act) {
        case LINEAR: return start<T, LINEAR>(job, stream);
        case RELU: return start<T, RELU>(job, stream);
        case LRELU: return start<T, LRELU>(job, stream);
        case TANH: return start<T, TANH>(job, stream);
        case SIGMOID: return start<T, SIGMOID>(job, stream);
        case ELU: return start<T, ELU>(job, stream);
        case SELU: return start<T, SELU>(job, stream);
        case SOFTPLUS: return start<T, SOFTPLUS>(job, stream);
        case SWISH: return start<T, SWISH>(job, stream);
    }
    return 1;
}

int start_type(Job const& job, int64_t act, int64_t type, cudaStream_t stream) {
    if (job.count == 0) return 0;
    switch (type) {
        case 0: return start_act<float>(job, act, stream);
        case 1: return start_act<double>(job, act, stream);
        case 2: return start_act<__nv_bfloat16>(job, act, stream);
        case 3: return start_act<__half>(job, act, stream);
    }
    return 1;
}

}  // namespace

extern "C" int bias_act_forward(void const* x, void const* bias, void* y, int64_t outer, int64_t channels,
                                int64_t inner, int64_t act, double gain, double clamp, int64_t type,
                                cudaStream_t stream) {
    Job const job{x, bias, nullptr, nullptr, y, outer * channels * inner, channels, inner, gain, clamp, 0, false};
    return start_type(job, act, type, stream);
}

// The reference is the result for the piecewise linear activations (no bias then), the argument for the others.
extern "C" int bias_act_gradient(void const* reference, void const* bias, void const* dy, void const* ddx, void* out,
                                 int64_t outer, int64_t channels, int64_t inner, int64_t act, double gain,
                                 double clamp, int64_t type, cudaStream_t stream) {
    Job const job{reference, bias, dy,    ddx,   out, outer * channels * inner, channels, inner, gain,
                  clamp,     ddx ? 2 : 1, act <= LRELU};
    return start_type(job, act, type, stream);
}
