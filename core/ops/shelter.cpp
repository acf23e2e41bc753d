// What upright boxes hide from points: nearby openness (ambient occlusion) and sight of lamps. CPU.
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace {
constexpr float TOUCH = 2e-3f;  // a box that a ray only grazes does not count

struct Box {
    float middle[3], half[3], cos, sin;
};

Box read_box(float const* b) {
    return Box{{b[0], b[1], b[2]}, {b[3], b[4], b[5]}, std::cos(b[6]), std::sin(b[6])};
}

// A world vector along the box's own axes.
void turn(Box const& box, float const* v, float* out) {
    out[0] = box.cos * v[0] - box.sin * v[2];
    out[1] = v[1];
    out[2] = box.sin * v[0] + box.cos * v[2];
}

// Where the ray at + t * way, both along the box's axes, enters and leaves it.
void cross_box(Box const& box, float const* at, float const* way, float& enter, float& leave) {
    enter = -1e30f, leave = 1e30f;
    for (int k = 0; k < 3; ++k) {
        float const held = std::fabs(way[k]) < 1e-6f ? 1e-6f : way[k];
        float const one = (-box.half[k] - at[k]) / held, two = (box.half[k] - at[k]) / held;
        enter = std::max(enter, std::min(one, two));
        leave = std::min(leave, std::max(one, two));
    }
}
}  // namespace

// free (points): the mean over rays (in each point's own frame, as axes gives it) of sqrt(distance to a box / reach)
extern "C" int shelter_openness(float const* points, float const* axes, int64_t count, float const* boxes, int64_t box_count,
                                float const* rays, int64_t ray_count, double reach_given, float* free, int64_t threads) {
    float const reach = float(reach_given);
    std::vector<Box> all;
    for (int64_t i = 0; i < box_count; ++i) all.push_back(read_box(boxes + i * 7));
#pragma omp parallel for schedule(static) num_threads(int(threads))
    for (int64_t i = 0; i < count; ++i) {
        struct Near {
            Box const* box;
            float at[3];
        };
        std::vector<Near> near;
        for (Box const& box : all) {
            float away[3], at[3], square = 0.0f;
            for (int k = 0; k < 3; ++k) away[k] = points[i * 3 + k] - box.middle[k];
            turn(box, away, at);
            for (int k = 0; k < 3; ++k) {
                float const out = std::max(std::fabs(at[k]) - box.half[k], 0.0f);
                square += out * out;
            }
            if (square < reach * reach) near.push_back(Near{&box, {at[0], at[1], at[2]}});
        }
        float total = 0.0f;
        for (int64_t r = 0; r < ray_count; ++r) {
            float world[3], met = reach;
            for (int k = 0; k < 3; ++k) {
                world[k] = 0.0f;
                for (int axis = 0; axis < 3; ++axis) world[k] += rays[r * 3 + axis] * axes[i * 9 + axis * 3 + k];
            }
            for (Near const& one : near) {
                float way[3], enter, leave;
                turn(*one.box, world, way);
                cross_box(*one.box, one.at, way, enter, leave);
                enter = std::max(enter, 0.0f);
                if (leave > enter + TOUCH) met = std::min(met, enter);
            }
            total += std::sqrt(met / reach);
        }
        free[i] = total / float(std::max<int64_t>(ray_count, 1));
    }
    return 0;
}

// seen (points, spots): 1 where no box stands between
extern "C" int shelter_sight(float const* points, int64_t count, float const* spots, int64_t spot_count, float const* boxes,
                             int64_t box_count, float* seen, int64_t threads) {
    std::vector<Box> all;
    for (int64_t i = 0; i < box_count; ++i) all.push_back(read_box(boxes + i * 7));
#pragma omp parallel for schedule(static) num_threads(int(threads))
    for (int64_t i = 0; i < count; ++i)
        for (int64_t s = 0; s < spot_count; ++s) {
            float way[3], length2 = 0.0f;
            for (int k = 0; k < 3; ++k) way[k] = spots[s * 3 + k] - points[i * 3 + k], length2 += way[k] * way[k];
            bool open = true;
            for (Box const& box : all) {
                float away[3], along = 0.0f, far2 = 0.0f, size2 = 0.0f;
                for (int k = 0; k < 3; ++k) {
                    away[k] = points[i * 3 + k] - box.middle[k];
                    along -= away[k] * way[k];
                    size2 += box.half[k] * box.half[k];
                }
                float const share = std::min(std::max(along / length2, 0.0f), 1.0f);
                for (int k = 0; k < 3; ++k) far2 += (away[k] + share * way[k]) * (away[k] + share * way[k]);
                if (far2 > size2) continue;  // the line passes outside the ball around the box
                float at[3], turned[3], enter, leave;
                turn(box, away, at);
                turn(box, way, turned);
                cross_box(box, at, turned, enter, leave);
                if (leave > std::max(enter, 0.0f) && enter < 0.93f) {
                    open = false;
                    break;
                }
            }
            seen[i * spot_count + s] = open ? 1.0f : 0.0f;
        }
    return 0;
}
