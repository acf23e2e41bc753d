// upfirdn2d on CPU for channels-last pictures: each pixel's own terms (the polyphase sum), vectorised along channels.
#include <algorithm>
#include <cstdint>
#include <vector>

namespace {

// Which samples and taps make one output along an axis; each next term is `up` taps on and one sample back.
struct Terms {
    int64_t tap, sample, count;
};

std::vector<Terms> list_terms(int64_t in, int64_t out, int64_t taps, int64_t up, int64_t down, int64_t pad) {
    std::vector<Terms> listed(out);
    for (int64_t at = 0; at < out; ++at) {
        int64_t const last = at * down + taps - 1 - pad;  // place of tap 0 in the zero-inserted signal
        int64_t tap = ((last % up) + up) % up, sample = (last - tap) / up;
        if (sample >= in) {
            tap += (sample - in + 1) * up;
            sample = in - 1;
        }
        int64_t const by_taps = tap < taps ? (taps - 1 - tap) / up + 1 : 0;
        listed[at] = {tap, sample, std::max<int64_t>(0, std::min(by_taps, sample + 1))};
    }
    return listed;
}

template <class T, int COUNT>
inline void weigh(T const* const* at, T const* weight, T* __restrict out, int64_t channels) {
    T const* from[COUNT];
    T by[COUNT];
    for (int k = 0; k < COUNT; ++k) from[k] = at[k], by[k] = weight[k];
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c) {
        T sum = by[0] * from[0][c];
#pragma GCC unroll 16
        for (int k = 1; k < COUNT; ++k) sum += by[k] * from[k][c];
        out[c] = sum;
    }
}

template <class T>
void weigh_any(T const* const* at, T const* weight, int count, T* __restrict out, int64_t channels) {
    switch (count) {  // a known number of terms keeps the sum in registers
        case 1: return weigh<T, 1>(at, weight, out, channels);
        case 2: return weigh<T, 2>(at, weight, out, channels);
        case 4: return weigh<T, 4>(at, weight, out, channels);
        case 8: return weigh<T, 8>(at, weight, out, channels);
        case 9: return weigh<T, 9>(at, weight, out, channels);
        case 12: return weigh<T, 12>(at, weight, out, channels);
        case 16: return weigh<T, 16>(at, weight, out, channels);
    }
    std::fill(out, out + channels, T(0));
    for (int k = 0; k < count; ++k) {
        T const* from = at[k];
        T const by = weight[k];
#pragma omp simd
        for (int64_t c = 0; c < channels; ++c) out[c] += by * from[c];
    }
}

struct Job {
    int64_t pictures, channels, height, width, out_height, out_width, taps_y, taps_x, up_y, up_x;
};

template <class T>
void filter(T const* x, T const* taps, T* y, Job job, std::vector<Terms> const& rows, std::vector<Terms> const& columns,
            T gain, int64_t threads) {
    std::vector<T> scaled(taps, taps + job.taps_y * job.taps_x);
    for (T& tap : scaled) tap *= gain;
    int64_t const line = job.width * job.channels;
#pragma omp parallel num_threads(threads) if (job.pictures * job.out_height * job.out_width * job.channels >= 65536)
    {
        std::vector<T const*> at(job.taps_y * job.taps_x);
        std::vector<T> weight(job.taps_y * job.taps_x);
#pragma omp for schedule(static) collapse(2)
        for (int64_t picture = 0; picture < job.pictures; ++picture) {
            for (int64_t row = 0; row < job.out_height; ++row) {
                Terms const tall = rows[row];
                T const* from = x + (picture * job.height + tall.sample) * line;
                T* to = y + (picture * job.out_height + row) * job.out_width * job.channels;
                for (int64_t column = 0; column < job.out_width; ++column, to += job.channels) {
                    Terms const wide = columns[column];
                    int terms = 0;
                    for (int64_t i = 0; i < tall.count; ++i) {
                        T const* left = from - i * line + wide.sample * job.channels;
                        T const* tap = scaled.data() + (tall.tap + i * job.up_y) * job.taps_x + wide.tap;
                        for (int64_t j = 0; j < wide.count; ++j, ++terms) {
                            at[terms] = left - j * job.channels;
                            weight[terms] = tap[j * job.up_x];
                        }
                    }
                    weigh_any(at.data(), weight.data(), terms, to, job.channels);
                }
            }
        }
    }
}

}  // namespace

extern "C" int upfirdn2d_run(void const* x, void const* taps, void* y, int64_t pictures, int64_t channels,
                             int64_t height, int64_t width, int64_t out_height, int64_t out_width, int64_t taps_y,
                             int64_t taps_x, int64_t up_y, int64_t up_x, int64_t down_y, int64_t down_x, int64_t pad_y,
                             int64_t pad_x, int64_t, double gain, int64_t type, int64_t threads) {
    auto const rows = list_terms(height, out_height, taps_y, up_y, down_y, pad_y);
    auto const columns = list_terms(width, out_width, taps_x, up_x, down_x, pad_x);
    Job const job{pictures, channels, height, width, out_height, out_width, taps_y, taps_x, up_y, up_x};
    if (type == 0)
        filter(static_cast<float const*>(x), static_cast<float const*>(taps), static_cast<float*>(y), job, rows,
               columns, float(gain), threads);
    else if (type == 1)
        filter(static_cast<double const*>(x), static_cast<double const*>(taps), static_cast<double*>(y), job, rows,
               columns, gain, threads);
    else
        return 1;
    return 0;
}
