// upfirdn2d on CUDA. Planes: a block keeps its piece of the input in shared memory. Channels-last: a thread sums 16 bytes
// of neighbouring channels at once, the pieces it shares with its neighbours come from the first-level cache.
#include <cstdint>

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

namespace {

template <class T> struct Wide { using type = float; };
template <> struct Wide<double> { using type = double; };

template <class T, int N> struct alignas(sizeof(T) * N) Pack { T item[N]; };

struct Axis {
    int in, out, taps, up, down, pad;
};

struct Job {
    void const* x;
    void const* taps;  // float, or double where the picture is double
    void* y;
    int64_t pictures, channels;
    Axis rows, columns;
    double gain;
};

constexpr int MOST_TAPS = 32 * 32;
constexpr int TILE_ROWS = 16, TILE_COLUMNS = 64, THREADS = 256;
constexpr int SHARED_BYTES = 40 * 1024;

// First tap and sample that make output `at`; the next are tap + up, sample - 1. UP and DOWN are 0 where only known at run time.
template <int UP, int DOWN>
__device__ __forceinline__ void first_term(Axis const& axis, int at, int& tap, int& sample) {
    int const up = UP ? UP : axis.up, down = DOWN ? DOWN : axis.down;
    int const last = at * down + axis.taps - 1 - axis.pad;
    tap = last % up;
    if (tap < 0) tap += up;
    sample = (last - tap) / up;
}

template <class T>
__device__ __forceinline__ void load_taps(Job const& job, typename Wide<T>::type* taps) {
    using W = typename Wide<T>::type;
    for (int i = threadIdx.x; i < job.rows.taps * job.columns.taps; i += blockDim.x)
        taps[i] = static_cast<W const*>(job.taps)[i] * W(job.gain);
}

// The input piece that outputs [start, start + count) need along one axis.
struct Piece {
    int first, size;
};

__host__ __device__ inline int floor_divide(int a, int b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

__host__ __device__ inline Piece piece(Axis const& axis, int start, int count) {
    int const low = floor_divide(start * axis.down - axis.pad, axis.up);
    int const high = floor_divide((start + count - 1) * axis.down + axis.taps - 1 - axis.pad, axis.up);
    return {low, high - low + 1};
}

template <class T, int UP, int DOWN>
__global__ void __launch_bounds__(THREADS) planes(Job job, int tiles_x, int tiles_y) {
    using W = typename Wide<T>::type;
    extern __shared__ __align__(16) unsigned char raw[];
    W* taps = reinterpret_cast<W*>(raw);
    W* held = taps + job.rows.taps * job.columns.taps;
    load_taps<T>(job, taps);
    int64_t const tiles = int64_t(tiles_x) * tiles_y * job.pictures * job.channels;
    for (int64_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        int const left = int(tile % tiles_x) * TILE_COLUMNS, top = int(tile / tiles_x % tiles_y) * TILE_ROWS;
        int64_t const plane = tile / (int64_t(tiles_x) * tiles_y);
        T const* from = static_cast<T const*>(job.x) + plane * job.rows.in * job.columns.in;
        T* to = static_cast<T*>(job.y) + plane * job.rows.out * job.columns.out;
        Piece const tall = piece(job.rows, top, TILE_ROWS), wide = piece(job.columns, left, TILE_COLUMNS);
        __syncthreads();
        for (int i = threadIdx.x; i < tall.size * wide.size; i += THREADS) {
            int const row = tall.first + i / wide.size, column = wide.first + i % wide.size;
            bool const inside = row >= 0 && row < job.rows.in && column >= 0 && column < job.columns.in;
            held[i] = inside ? W(from[int64_t(row) * job.columns.in + column]) : W(0);
        }
        __syncthreads();
        for (int i = threadIdx.x; i < TILE_ROWS * TILE_COLUMNS; i += THREADS) {
            int const row = top + i / TILE_COLUMNS, column = left + i % TILE_COLUMNS;
            if (row >= job.rows.out || column >= job.columns.out) continue;
            int tap_y, tap_x, sample_y, sample_x;
            first_term<UP, DOWN>(job.rows, row, tap_y, sample_y);
            first_term<UP, DOWN>(job.columns, column, tap_x, sample_x);
            int const up_y = UP ? UP : job.rows.up, up_x = UP ? UP : job.columns.up;
            W sum = W(0);
            for (int ty = tap_y, sy = sample_y - tall.first; ty < job.rows.taps; ty += up_y, --sy)
#pragma unroll 4
                for (int tx = tap_x, sx = sample_x - wide.first; tx < job.columns.taps; tx += up_x, --sx)
                    sum += taps[ty * job.columns.taps + tx] * held[sy * wide.size + sx];
            to[int64_t(row) * job.columns.out + column] = T(sum);
        }
    }
}

template <class T, int UP, int DOWN, int N>
__global__ void __launch_bounds__(THREADS) channels_last(Job job) {
    using W = typename Wide<T>::type;
    extern __shared__ __align__(16) unsigned char raw[];
    W* taps = reinterpret_cast<W*>(raw);
    load_taps<T>(job, taps);
    __syncthreads();
    int const packs = int(job.channels / N);
    int64_t const total = job.pictures * job.rows.out * job.columns.out * packs;
    for (int64_t at = int64_t(blockIdx.x) * THREADS + threadIdx.x; at < total; at += int64_t(gridDim.x) * THREADS) {
        int const channel = int(at % packs) * N;
        int64_t const pixel = at / packs;
        int const column = int(pixel % job.columns.out), row = int(pixel / job.columns.out % job.rows.out);
        int64_t const picture = pixel / (int64_t(job.columns.out) * job.rows.out);
        int tap_y, tap_x, sample_y, sample_x;
        first_term<UP, DOWN>(job.rows, row, tap_y, sample_y);
        first_term<UP, DOWN>(job.columns, column, tap_x, sample_x);
        int const up_y = UP ? UP : job.rows.up, up_x = UP ? UP : job.columns.up;
        T const* from = static_cast<T const*>(job.x) + picture * job.rows.in * job.columns.in * job.channels + channel;
        W sum[N] = {};
        for (int ty = tap_y, sy = sample_y; ty < job.rows.taps; ty += up_y, --sy) {
            if (sy < 0 || sy >= job.rows.in) continue;
#pragma unroll 4
            for (int tx = tap_x, sx = sample_x; tx < job.columns.taps; tx += up_x, --sx) {
                if (sx < 0 || sx >= job.columns.in) continue;
                int64_t const place = (int64_t(sy) * job.columns.in + sx) * job.channels;
                auto const seen = *reinterpret_cast<Pack<T, N> const*>(from + place);
                W const weight = taps[ty * job.columns.taps + tx];
#pragma unroll
                for (int i = 0; i < N; ++i) sum[i] += weight * W(seen.item[i]);
            }
        }
        Pack<T, N> out;
#pragma unroll
        for (int i = 0; i < N; ++i) out.item[i] = T(sum[i]);
        *reinterpret_cast<Pack<T, N>*>(static_cast<T*>(job.y) + pixel * job.channels + channel) = out;
    }
}

unsigned blocks_for(int64_t blocks) { return unsigned(blocks < 1 ? 1 : blocks > 1048576 ? 1048576 : blocks); }

template <class T, int UP, int DOWN>
int start(Job const& job, bool last, cudaStream_t stream) {
    using W = typename Wide<T>::type;
    size_t const filter_bytes = size_t(job.rows.taps) * job.columns.taps * sizeof(W);
    if (!last) {
        // The largest piece any tile needs: one more sample than an aligned one, since phases shift it.
        size_t const tall = size_t(TILE_ROWS * job.rows.down + job.rows.taps) / job.rows.up + 2;
        size_t const wide = size_t(TILE_COLUMNS * job.columns.down + job.columns.taps) / job.columns.up + 2;
        size_t const bytes = filter_bytes + tall * wide * sizeof(W);
        if (bytes > 200 * 1024) return cudaErrorInvalidValue;
        auto const kernel = planes<T, UP, DOWN>;
        if (bytes > SHARED_BYTES) {
            int const failed = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(bytes));
            if (failed) return failed;
        }
        int const tiles_x = (job.columns.out + TILE_COLUMNS - 1) / TILE_COLUMNS;
        int const tiles_y = (job.rows.out + TILE_ROWS - 1) / TILE_ROWS;
        int64_t const tiles = int64_t(tiles_x) * tiles_y * job.pictures * job.channels;
        kernel<<<blocks_for(tiles), THREADS, bytes, stream>>>(job, tiles_x, tiles_y);
        return cudaGetLastError();
    }
    constexpr int WIDTH = 16 / sizeof(T);
    auto aligned = [](void const* at) { return reinterpret_cast<uintptr_t>(at) % 16 == 0; };
    bool const wide = job.channels % WIDTH == 0 && aligned(job.x) && aligned(job.y);
    int64_t const total = job.pictures * job.rows.out * job.columns.out * job.channels / (wide ? WIDTH : 1);
    unsigned const blocks = blocks_for((total + THREADS - 1) / THREADS);
    if (wide) channels_last<T, UP, DOWN, WIDTH><<<blocks, THREADS, filter_bytes, stream>>>(job);
    else channels_last<T, UP, DOWN, 1><<<blocks, THREADS, filter_bytes, stream>>>(job);
    return cudaGetLastError();
}

template <class T>
int start_factors(Job const& job, bool last, cudaStream_t stream) {
    auto is = [&](int up, int down) {
        return job.rows.up == up && job.columns.up == up && job.rows.down == down && job.columns.down == down;
    };
    if (is(1, 1)) return start<T, 1, 1>(job, last, stream);
    if (is(2, 1)) return start<T, 2, 1>(job, last, stream);
    if (is(1, 2)) return start<T, 1, 2>(job, last, stream);
    return start<T, 0, 0>(job, last, stream);
}

}  // namespace

extern "C" int upfirdn2d_run(void const* x, void const* taps, void* y, int64_t pictures, int64_t channels,
                             int64_t height, int64_t width, int64_t out_height, int64_t out_width, int64_t taps_y,
                             int64_t taps_x, int64_t up_y, int64_t up_x, int64_t down_y, int64_t down_x, int64_t pad_y,
                             int64_t pad_x, int64_t last, double gain, int64_t type, cudaStream_t stream) {
    if (taps_y * taps_x > MOST_TAPS) return cudaErrorInvalidValue;
    Axis const rows{int(height), int(out_height), int(taps_y), int(up_y), int(down_y), int(pad_y)};
    Axis const columns{int(width), int(out_width), int(taps_x), int(up_x), int(down_x), int(pad_x)};
    Job const job{x, taps, y, pictures, channels, rows, columns, gain};
    switch (type) {
        case 0: return start_factors<float>(job, last, stream);
        case 1: return start_factors<double>(job, last, stream);
        case 2: return start_factors<__nv_bfloat16>(job, last, stream);
        case 3: return start_factors<__half>(job, last, stream);
    }
    return 1;
}
