// The loss of EDSR-baseline and its gradient on a processor, 3x3 convolutions by Winograd's minimal filtering.
//
// F(4x4, 3x3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308, sections 4.1
// and 4.3) takes 36 multiplications where the sum takes 144. Names are theirs: V are transformed tiles of pixels, U
// transformed kernels, M their products. Backwards, the same transforms transposed lead from the gradient of the output
// to that of M, and from those of U and V to those of the kernel and of the input.
//
// Pixels are planes of 64 channels, (y, x, channel), with a border of zeros; a convolution before a pixel shuffle is
// one of 64 to 64 channels for each sub-pixel. Threads share the crops of a batch, two at a time, and add their gradients
// up.

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace {

typedef float Vec __attribute__((vector_size(32)));
typedef float UnalignedVec __attribute__((vector_size(32), aligned(4)));

constexpr int kChannels = 64;
constexpr int kTile = 6;                  // pixels a side that a tile reads; it gives 4
constexpr int kProducts = kTile * kTile;  // matrix products of a convolution
constexpr int kMatrix = kChannels * kChannels;
constexpr int kPanel = 16;   // columns of a matrix product that registers hold
constexpr int kTaps = 27;    // of the first and last convolution: 3 x 3 x RGB
constexpr int kTapsRow = 32; // the same, padded to whole panels
constexpr int kTilesAtOnce = 36;
constexpr int kCropsAtOnce = 2;

enum class Loss { kL1, kL2, kPsnr };
constexpr double kRounding = 1 / (12. * 255 * 255);  // mean squared error of rounding to 8 bits

inline Vec load(const float* p) { return *reinterpret_cast<const UnalignedVec*>(p); }
inline void store(float* p, Vec x) { *reinterpret_cast<UnalignedVec*>(p) = x; }
inline Vec all(float x) { return Vec{x, x, x, x, x, x, x, x}; }

// ---------------------------------------------------------------------------------------------- matrix products

// An operand A of a product: element (i, k) at p[i * row + k * column].
struct Left {
  const float* p;
  long row, column;
};

// An operand B: rows of `row` floats; its panels of 16 columns start `panel` floats apart.
struct Right {
  const float* p;
  long row, panel;
};

Right row_major(const float* p, long row) { return {p, row, kPanel}; }
Right packed(const float* p) { return {p, kPanel, kPanel * kChannels}; }  // a 64 x 64 matrix, panel after panel

template <int rows, bool add>
inline void multiply_rows(int depth, Left a, const float* b, long b_row, float* c, long c_row) {
  Vec left[rows], right[rows];
#pragma GCC unroll 6
  for (int r = 0; r < rows; r++) {
    left[r] = add ? load(c + r * c_row) : all(0);
    right[r] = add ? load(c + r * c_row + 8) : all(0);
  }
  const float* p = a.p;
  for (int k = 0; k < depth; k++, p += a.column, b += b_row) {
    const Vec b0 = load(b), b1 = load(b + 8);
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
      const Vec x = all(p[r * a.row]);
      left[r] += x * b0;
      right[r] += x * b1;
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < rows; r++) {
    store(c + r * c_row, left[r]);
    store(c + r * c_row + 8, right[r]);
  }
}

// C (rows, columns) = A (rows, depth) B (depth, columns), or += with `add`; columns are a multiple of 16.
template <bool add>
void multiply(int rows, int columns, int depth, Left a, Right b, float* c, long c_row) {
  for (int j = 0; j < columns; j += kPanel) {
    const float* panel = b.p + j / kPanel * b.panel;
    if (b.row == kPanel)
      for (int k = 0; k < b.panel; k += kPanel) __builtin_prefetch(panel + b.panel + k, 0, 2);
    Left part = a;
    float* out = c + j;
    int left = rows;
    for (; left >= 6; left -= 6, part.p += 6 * a.row, out += 6 * c_row)
      multiply_rows<6, add>(depth, part, panel, b.row, out, c_row);
    switch (left) {
      case 5: multiply_rows<5, add>(depth, part, panel, b.row, out, c_row); break;
      case 4: multiply_rows<4, add>(depth, part, panel, b.row, out, c_row); break;
      case 3: multiply_rows<3, add>(depth, part, panel, b.row, out, c_row); break;
      case 2: multiply_rows<2, add>(depth, part, panel, b.row, out, c_row); break;
      case 1: multiply_rows<1, add>(depth, part, panel, b.row, out, c_row); break;
    }
  }
}

// Adds rows of 64 up.
void add_rows(const float* rows, int count, float* sum) {
  for (int c = 0; c < kChannels; c += 8) {
    Vec total = load(sum + c);
    for (int i = 0; i < count; i++) total += load(rows + static_cast<long>(i) * kChannels + c);
    store(sum + c, total);
  }
}

// ---------------------------------------------------------------------- the transforms, of 8 channels of a line

struct InputTransform {  // B^T d
  static constexpr int from = 6, to = 6;
  static void apply(const Vec* d, Vec* v) {
    const Vec a = d[4] - 4 * d[2], b = d[3] - 4 * d[1], c = d[4] - d[2], e = 2 * (d[3] - d[1]);
    v[0] = 4 * d[0] - 5 * d[2] + d[4];
    v[1] = a + b;
    v[2] = a - b;
    v[3] = c + e;
    v[4] = c - e;
    v[5] = 4 * d[1] - 5 * d[3] + d[5];
  }
};

struct InputTransposed {  // B v
  static constexpr int from = 6, to = 6;
  static void apply(const Vec* v, Vec* d) {
    d[0] = 4 * v[0];
    d[1] = 4 * (v[2] - v[1] + v[5]) + 2 * (v[4] - v[3]);
    d[2] = -5 * v[0] - 4 * (v[1] + v[2]) - v[3] - v[4];
    d[3] = v[1] - v[2] + 2 * (v[3] - v[4]) - 5 * v[5];
    d[4] = v[0] + v[1] + v[2] + v[3] + v[4];
    d[5] = v[5];
  }
};

struct OutputTransform {  // A^T m
  static constexpr int from = 6, to = 4;
  static void apply(const Vec* m, Vec* y) {
    const Vec a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
    y[0] = m[0] + a + c;
    y[1] = b + 2 * d;
    y[2] = a + 4 * c;
    y[3] = b + 8 * d + m[5];
  }
};

struct OutputTransposed {  // A y
  static constexpr int from = 4, to = 6;
  static void apply(const Vec* y, Vec* m) {
    const Vec a = y[0] + y[2], b = y[1] + y[3], c = y[0] + 4 * y[2], d = 2 * y[1] + 8 * y[3];
    m[0] = y[0];
    m[1] = a + b;
    m[2] = a - b;
    m[3] = c + d;
    m[4] = c - d;
    m[5] = y[3];
  }
};

// Both ways along a square of 8 channels: `read(i, j)` gives what `write(i, j, value)` gets transformed.
template <class Transform, class Read, class Write>
inline void transform_square(Read read, Write write) {
  constexpr int from = Transform::from, to = Transform::to;
  Vec columns[to][from];
  for (int j = 0; j < from; j++) {
    Vec in[from], out[to];
    for (int i = 0; i < from; i++) in[i] = read(i, j);
    Transform::apply(in, out);
    for (int i = 0; i < to; i++) columns[i][j] = out[i];
  }
  for (int i = 0; i < to; i++) {
    Vec out[to];
    Transform::apply(columns[i], out);
    for (int j = 0; j < to; j++) write(i, j, out[j]);
  }
}

// ----------------------------------------------------------------------------------------------- planes, tiles

// 64 channels of pixels: pixel (y, x) at p + y * row + x * column.
struct Plane {
  float* p = nullptr;
  long row = 0, column = 0;
};

// A square plane in memory, with a border of one pixel.
class Square {
 public:
  explicit Square(int side) : side_(side), data_(static_cast<size_t>(side + 2) * (side + 2) * kChannels, 0.f) {}
  Plane inside() { return {data_.data() + (side_ + 2 + 1) * kChannels, row(), kChannels}; }
  Plane with_border() { return {data_.data(), row(), kChannels}; }
  // Every `factor`-th pixel of such rows, from sub-pixel `k` on: where depth-to-space puts 64 of the channels.
  Plane sub_pixel(int k, int factor) {
    const Plane whole = inside();
    return {whole.p + k / factor * whole.row + k % factor * whole.column, factor * whole.row, factor * whole.column};
  }
  void clear() { std::fill(data_.begin(), data_.end(), 0.f); }

 private:
  long row() const { return static_cast<long>(side_ + 2) * kChannels; }
  int side_;
  std::vector<float> data_;
};

// Some rows of tiles of a plane, and where their transforms go: matrix f, row of a tile, 64 channels.
struct Tiles {
  int first_row, rows, per_row;
  int count() const { return rows * per_row; }
  // Off a power of two, or all 36 matrices would share a few sets of the cache.
  long matrix() const { return static_cast<long>(count()) * kChannels + 16; }

  template <class Function>
  void each(Function function) const {  // function(pixel row, pixel column, offset in a matrix)
    long offset = 0;
    for (int y = 0; y < rows; y++)
      for (int x = 0; x < per_row; x++)
        for (int c = 0; c < kChannels; c += 8, offset += 8) function(4 * (first_row + y), 4 * x, offset, c);
  }
};

inline float* at(const Plane& plane, int y, int x, int channel) {
  return plane.p + y * plane.row + x * plane.column + channel;
}

void transform_input(const Tiles& tiles, Plane input, float* v) {
  const long matrix = tiles.matrix();
  tiles.each([&](int y, int x, long offset, int c) {
    transform_square<InputTransform>([&](int i, int j) { return load(at(input, y + i, x + j, c)); },
                                     [&](int i, int j, Vec value) {
                                       store(v + (i * kTile + j) * matrix + offset, value);
                                     });
  });
}

enum class Then { kNothing, kRelu, kAdd };

void transform_output(const Tiles& tiles, const float* m, const float* bias, Then then, Plane added, Plane output) {
  const long matrix = tiles.matrix();
  tiles.each([&](int y, int x, long offset, int c) {
    const Vec b = load(bias + c);
    transform_square<OutputTransform>([&](int i, int j) { return load(m + (i * kTile + j) * matrix + offset); },
                                      [&](int i, int j, Vec value) {
                                        value += b;
                                        if (then == Then::kRelu) value = value < all(0) ? all(0) : value;  // NaN stays
                                        if (then == Then::kAdd) value += load(at(added, y + i, x + j, c));
                                        store(at(output, y + i, x + j, c), value);
                                      });
  });
}

// From the gradient of the output to that of M; where `relu`, an output that the ReLU cut, is 0, so is the gradient.
void transform_gradient(const Tiles& tiles, Plane gradient, const Plane* relu, float* m) {
  const long matrix = tiles.matrix();
  tiles.each([&](int y, int x, long offset, int c) {
    transform_square<OutputTransposed>(
        [&](int i, int j) {
          const Vec g = load(at(gradient, y + i, x + j, c));
          return relu ? (load(at(*relu, y + i, x + j, c)) > all(0) ? g : all(0)) : g;
        },
        [&](int i, int j, Vec value) { store(m + (i * kTile + j) * matrix + offset, value); });
  });
}

// Adds the gradient of the input; tiles overlap, and what falls on the border means nothing.
void add_input_gradient(const Tiles& tiles, const float* v, Plane gradient) {
  const long matrix = tiles.matrix();
  tiles.each([&](int y, int x, long offset, int c) {
    transform_square<InputTransposed>([&](int i, int j) { return load(v + (i * kTile + j) * matrix + offset); },
                                      [&](int i, int j, Vec value) {
                                        float* p = at(gradient, y + i, x + j, c);
                                        store(p, load(p) + value);
                                      });
  });
}

// ---------------------------------------------------------------------------------------------------- kernels

constexpr float kKernel[kTile][3] = {{1 / 4.f, 0, 0},
                                     {-1 / 6.f, -1 / 6.f, -1 / 6.f},
                                     {-1 / 6.f, 1 / 6.f, -1 / 6.f},
                                     {1 / 24.f, 1 / 12.f, 1 / 6.f},
                                     {1 / 24.f, -1 / 12.f, 1 / 6.f},
                                     {0, 0, 1}};  // G

// A convolution 3x3 of 64 to 64 * parts channels: its kernel (3, 3, in, out) and its bias lie in the vector of weights.
struct Convolution {
  int parts;
  long kernel, bias;
  std::vector<float> u, u_transposed;                // [part][36] matrices, packed
  std::vector<std::vector<float>> du;                // a thread each: [part][36] matrices in rows
  std::vector<std::vector<float>> dbias;

  Convolution(int parts, long kernel, int threads)
      : parts(parts), kernel(kernel), bias(kernel + 9L * kMatrix * parts), u(size()), u_transposed(size()),
        du(threads, std::vector<float>(size())), dbias(threads, std::vector<float>(parts * kChannels)) {}
  long end() const { return bias + parts * kChannels; }
  size_t size() const { return static_cast<size_t>(parts) * kProducts * kMatrix; }
  long tap(int y, int x, int part, int in, int out) const {
    return kernel + ((y * 3L + x) * kChannels + in) * kChannels * parts + part * kChannels + out;
  }
};

void transform_kernel(Convolution& conv, const float* weights) {
#pragma omp for collapse(2)
  for (int part = 0; part < conv.parts; part++)
    for (int in = 0; in < kChannels; in++)
      for (int out = 0; out < kChannels; out += 8) {
        Vec columns[kTile][3];
        for (int i = 0; i < kTile; i++)
          for (int x = 0; x < 3; x++) {
            columns[i][x] = all(0);
            for (int y = 0; y < 3; y++) columns[i][x] += kKernel[i][y] * load(weights + conv.tap(y, x, part, in, out));
          }
        for (int i = 0; i < kTile; i++)
          for (int j = 0; j < kTile; j++) {
            Vec value = all(0);
            for (int x = 0; x < 3; x++) value += columns[i][x] * kKernel[j][x];
            const long start = (static_cast<long>(part) * kProducts + i * kTile + j) * kMatrix;
            store(&conv.u[start + out / kPanel * kPanel * kChannels + in * kPanel + out % kPanel], value);
            float* transposed = &conv.u_transposed[start + in / kPanel * kPanel * kChannels + in % kPanel];
            for (int k = 0; k < 8; k++) transposed[(out + k) * kPanel] = value[k];
          }
      }
}

// From all threads' gradients of U to that of the kernel.
void transform_kernel_gradient(const Convolution& conv, float* gradient) {
#pragma omp for collapse(2)
  for (int part = 0; part < conv.parts; part++)
    for (int in = 0; in < kChannels; in++)
      for (int out = 0; out < kChannels; out += 8) {
        Vec rows[3][kTile];
        for (int j = 0; j < kTile; j++) {
          for (int y = 0; y < 3; y++) rows[y][j] = all(0);
          for (int i = 0; i < kTile; i++) {
            const long place =
                (static_cast<long>(part) * kProducts + i * kTile + j) * kMatrix + in * kChannels + out;
            Vec sum = all(0);
            for (const auto& of_thread : conv.du) sum += load(&of_thread[place]);
            for (int y = 0; y < 3; y++) rows[y][j] += kKernel[i][y] * sum;
          }
        }
        for (int y = 0; y < 3; y++)
          for (int x = 0; x < 3; x++) {
            Vec sum = all(0);
            for (int j = 0; j < kTile; j++) sum += kKernel[j][x] * rows[y][j];
            store(gradient + conv.tap(y, x, part, in, out), sum);
          }
      }
}

// ----------------------------------------------------------------------------------------------- convolutions

struct Scratch {  // of a thread
  std::vector<float> v, m, dv;
  Scratch(int most_tiles) {
    for (auto* each : {&v, &m, &dv}) each->resize(kProducts * (static_cast<size_t>(most_tiles) * kChannels + 16));
  }
};

int tile_rows(int side) { return std::clamp(kTilesAtOnce / (side / 4), 1, side / 4); }

template <class Function>
void for_tiles(int side, Function function) {
  const int per_row = side / 4, rows = tile_rows(side);
  for (int row = 0; row < per_row; row += rows) function(Tiles{row, std::min(rows, per_row - row), per_row});
}

// `input` has its border; `outputs` are one for each part.
void forward(const Convolution& conv, const float* weights, int side, Plane input, const Plane* outputs, Then then,
             Plane added, Scratch& scratch) {
  for_tiles(side, [&](const Tiles& tiles) {
    const int count = tiles.count();
    const long matrix = tiles.matrix();
    float *v = scratch.v.data(), *m = scratch.m.data();
    transform_input(tiles, input, v);
    for (int part = 0; part < conv.parts; part++) {
      for (int f = 0; f < kProducts; f++)
        multiply<false>(count, kChannels, kChannels, {v + f * matrix, kChannels, 1},
                        packed(&conv.u[(static_cast<long>(part) * kProducts + f) * kMatrix]), m + f * matrix,
                        kChannels);
      transform_output(tiles, m, weights + conv.bias + part * kChannels, then, added, outputs[part]);
    }
  });
}

// Adds to the gradients of the kernel, the bias and the input, from those of the outputs.
void backward(Convolution& conv, int thread, int side, Plane input, const Plane* gradients, const Plane* relu,
              Plane input_gradient, Scratch& scratch) {
  float* dbias = conv.dbias[thread].data();
  for_tiles(side, [&](const Tiles& tiles) {
    const int count = tiles.count();
    const long matrix = tiles.matrix();
    float *v = scratch.v.data(), *m = scratch.m.data(), *dv = scratch.dv.data();
    transform_input(tiles, input, v);
    for (int part = 0; part < conv.parts; part++) {
      transform_gradient(tiles, gradients[part], relu, m);
      const float* sums = m + (kTile + 1) * matrix;  // the second row and column of A are ones
      add_rows(sums, count, dbias + part * kChannels);
      for (int f = 0; f < kProducts; f++) {
        const long place = (static_cast<long>(part) * kProducts + f) * kMatrix;
        const float* products = m + f * matrix;
        multiply<true>(kChannels, kChannels, count, {v + f * matrix, 1, kChannels}, row_major(products, kChannels),
                       &conv.du[thread][place], kChannels);
        auto multiply_back = part ? multiply<true> : multiply<false>;
        multiply_back(count, kChannels, kChannels, {products, kChannels, 1}, packed(&conv.u_transposed[place]),
                      dv + f * matrix, kChannels);
      }
    }
    add_input_gradient(tiles, dv, input_gradient);
  });
}

// ------------------------------------------------------------------------------------------------ the network

struct Crop {  // what a crop leaves behind on its way forward, and the gradients on the way back
  std::vector<Square> features, hidden;  // after the head and each block; within each block
  std::vector<Square> grown, d_grown;    // the body, and after each pixel shuffle
  Square d_hidden, d_features;
  std::vector<float> head_taps, tail_taps, d_sr;

  Crop(int blocks, int side, const std::vector<int>& sides)
      : features(blocks + 1, Square(side)), hidden(blocks, Square(side)), grown(sides.begin(), sides.end()),
        d_grown(sides.begin(), sides.end()), d_hidden(side), d_features(side),
        head_taps(static_cast<size_t>(side) * side * kTapsRow),
        tail_taps(static_cast<size_t>(sides.back()) * sides.back() * kTapsRow),
        d_sr(static_cast<size_t>(sides.back() + 2) * (sides.back() + 2) * 3) {}
};

// Rows of 3 x 3 neighbours' RGB, zeros outside; `pixels` are (side, side, 3).
void gather_taps(const float* pixels, int side, float* taps) {
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++, taps += kTapsRow)
      for (int tap = 0; tap < 9; tap++) {
        const int row = y + tap / 3 - 1, column = x + tap % 3 - 1;
        const bool inside = row >= 0 && column >= 0 && row < side && column < side;
        for (int rgb = 0; rgb < 3; rgb++)
          taps[tap * 3 + rgb] = inside ? pixels[(static_cast<long>(row) * side + column) * 3 + rgb] : 0;
      }
}

class Network {
 public:
  Network(int blocks, int side, int scale, int threads)
      : blocks_(blocks), side_(side), threads_(threads), sides_{side}, d_head_(threads), d_tail_(threads) {
    for (; scale % 2 == 0; scale /= 2) factors_.push_back(2);
    if (scale > 1) factors_.push_back(scale);
    long place = kTaps * kChannels + kChannels;  // after the head
    auto convolution = [&](int parts) {
      convolutions_.emplace_back(parts, place, threads);
      place = convolutions_.back().end();
    };
    for (int i = 0; i < 2 * blocks + 1; i++) convolution(1);
    int most_tiles = tile_rows(side) * side / 4;
    for (int factor : factors_) {
      convolution(factor * factor);
      most_tiles = std::max(most_tiles, tile_rows(sides_.back()) * sides_.back() / 4);
      sides_.push_back(factor * sides_.back());
    }
    tail_ = place;
    weights_ = tail_ + kTaps * kChannels + 3;
    for (int t = 0; t < threads; t++) {
      scratch_.emplace_back(most_tiles);
      crops_.emplace_back(kCropsAtOnce, Crop(blocks, side, sides_));
      d_head_[t].resize((kTaps + 1) * kChannels);
      d_tail_[t].resize(kChannels * kTapsRow + 3);
    }
  }

  long weights() const { return weights_; }

  double step(const float* weights, const float* lr, const float* hr, int batch, Loss kind, float* gradient) {
    double loss = 0;
#pragma omp parallel num_threads(threads_) reduction(+ : loss)
    {
      const int thread = omp_get_thread_num();
      // Of all that were asked for: with OMP_DYNAMIC another number may come to each step.
#pragma omp for
      for (int each = 0; each < threads_; each++) clear_gradients(each);
      for (auto& conv : convolutions_) transform_kernel(conv, weights);
#pragma omp single
      arrange_tail(weights);
#pragma omp for schedule(dynamic, 1)
      for (int first = 0; first < batch; first += kCropsAtOnce) {
        const int count = std::min(kCropsAtOnce, batch - first);
        const long lr_size = 3L * side_ * side_, hr_size = 3L * sides_.back() * sides_.back();
        forward_pass(weights, lr + first * lr_size, count, thread);
        for (int k = 0; k < count; k++)
          loss += tail(crops_[thread][k], weights, hr + (first + k) * hr_size, kind, thread, batch);
        backward_pass(count, thread);
      }
      for (const auto& conv : convolutions_) transform_kernel_gradient(conv, gradient);
    }
    add_up_gradients(gradient);
    return loss;
  }

 private:
  void clear_gradients(int thread) {
    for (auto& conv : convolutions_) {
      std::fill(conv.du[thread].begin(), conv.du[thread].end(), 0.f);
      std::fill(conv.dbias[thread].begin(), conv.dbias[thread].end(), 0.f);
    }
    std::fill(d_head_[thread].begin(), d_head_[thread].end(), 0.f);
    std::fill(d_tail_[thread].begin(), d_tail_[thread].end(), 0.f);
  }

  // The tail's kernel (3, 3, 64, 3) as a matrix (64, 27), and that transposed.
  void arrange_tail(const float* weights) {
    for (int c = 0; c < kChannels; c++)
      for (int tap = 0; tap < 9; tap++)
        for (int rgb = 0; rgb < 3; rgb++)
          tail_matrix_[c * kTapsRow + tap * 3 + rgb] = tail_transposed_[(tap * 3 + rgb) * kChannels + c] =
              weights[tail_ + (tap * kChannels + c) * 3 + rgb];
  }

  // Layer by layer for the crops of a group, so that a kernel is fetched once for them all.
  void forward_pass(const float* weights, const float* lr, int count, int thread) {
    auto& crops = crops_[thread];
    Scratch& scratch = scratch_[thread];
    for (int k = 0; k < count; k++) head(crops[k], weights, lr + 3L * k * side_ * side_);
    auto conv = convolutions_.begin();
    for (int block = 0; block < blocks_; block++) {
      for (int k = 0; k < count; k++) {
        const Plane out = crops[k].hidden[block].inside();
        forward(*conv, weights, side_, crops[k].features[block].with_border(), &out, Then::kRelu, {}, scratch);
      }
      ++conv;
      for (int k = 0; k < count; k++) {
        const Plane out = crops[k].features[block + 1].inside();
        forward(*conv, weights, side_, crops[k].hidden[block].with_border(), &out, Then::kAdd,
                crops[k].features[block].inside(), scratch);
      }
      ++conv;
    }
    for (int k = 0; k < count; k++) {
      const Plane out = crops[k].grown[0].inside();
      forward(*conv, weights, side_, crops[k].features[blocks_].with_border(), &out, Then::kAdd,
              crops[k].features[0].inside(), scratch);
    }
    for (size_t stage = 0; stage < factors_.size(); stage++) {
      ++conv;
      for (int k = 0; k < count; k++) {
        const auto out = sub_pixels(crops[k].grown[stage + 1], factors_[stage]);
        forward(*conv, weights, sides_[stage], crops[k].grown[stage].with_border(), out.data(), Then::kNothing, {},
                scratch);
      }
    }
  }

  static std::vector<Plane> sub_pixels(Square& square, int factor) {
    std::vector<Plane> planes;
    for (int k = 0; k < factor * factor; k++) planes.push_back(square.sub_pixel(k, factor));
    return planes;
  }

  void backward_pass(int count, int thread) {
    auto& crops = crops_[thread];
    Scratch& scratch = scratch_[thread];
    auto conv = convolutions_.rbegin();
    for (size_t stage = factors_.size(); stage-- > 0; ++conv)
      for (int k = 0; k < count; k++) {
        const auto gradients = sub_pixels(crops[k].d_grown[stage + 1], factors_[stage]);
        crops[k].d_grown[stage].clear();
        backward(*conv, thread, sides_[stage], crops[k].grown[stage].with_border(), gradients.data(), nullptr,
                 crops[k].d_grown[stage].with_border(), scratch);
      }
    for (int k = 0; k < count; k++) {
      const Plane gradient = crops[k].d_grown[0].inside();
      crops[k].d_features.clear();
      backward(*conv, thread, side_, crops[k].features[blocks_].with_border(), &gradient, nullptr,
               crops[k].d_features.with_border(), scratch);
    }
    ++conv;
    for (int block = blocks_ - 1; block >= 0; block--) {
      for (int k = 0; k < count; k++) {
        const Plane gradient = crops[k].d_features.inside();
        crops[k].d_hidden.clear();
        backward(*conv, thread, side_, crops[k].hidden[block].with_border(), &gradient, nullptr,
                 crops[k].d_hidden.with_border(), scratch);
      }
      ++conv;
      for (int k = 0; k < count; k++) {  // the identity's gradient is there already: the block's is added to it
        const Plane gradient = crops[k].d_hidden.inside(), relu = crops[k].hidden[block].inside();
        backward(*conv, thread, side_, crops[k].features[block].with_border(), &gradient, &relu,
                 crops[k].d_features.with_border(), scratch);
      }
      ++conv;
    }
    for (int k = 0; k < count; k++) head_back(crops[k], thread);
  }

  void head(Crop& crop, const float* weights, const float* lr) const {
    gather_taps(lr, side_, crop.head_taps.data());
    const Plane out = crop.features[0].inside();
    const float* bias = weights + kTaps * kChannels;
    for (int y = 0; y < side_; y++) {
      float* row = at(out, y, 0, 0);
      const float* taps = &crop.head_taps[static_cast<size_t>(y) * side_ * kTapsRow];
      multiply<false>(side_, kChannels, kTaps, {taps, kTapsRow, 1}, row_major(weights, kChannels), row, kChannels);
      for (int x = 0; x < side_; x++, row += kChannels)
        for (int c = 0; c < kChannels; c += 8) store(row + c, load(row + c) + load(bias + c));
    }
  }

  void head_back(Crop& crop, int thread) {
    float *kernel = d_head_[thread].data(), *bias = kernel + kTaps * kChannels;
    const Plane through_blocks = crop.d_features.inside(), long_skip = crop.d_grown[0].inside();
    for (int y = 0; y < side_; y++) {
      float* row = at(through_blocks, y, 0, 0);
      const float* skipped = at(long_skip, y, 0, 0);
      for (int i = 0; i < side_ * kChannels; i += 8) store(row + i, load(row + i) + load(skipped + i));
      add_rows(row, side_, bias);
      const float* taps = &crop.head_taps[static_cast<size_t>(y) * side_ * kTapsRow];
      multiply<true>(kTaps, kChannels, side_, {taps, 1, kTapsRow}, row_major(row, kChannels), kernel, kChannels);
    }
  }

  // The last convolution, the loss, and the way back to the last features. One product gives what each pixel adds to
  // its nine neighbours.
  double tail(Crop& crop, const float* weights, const float* hr, Loss kind, int thread, int batch) {
    const int side = sides_.back();
    const float* bias = weights + tail_ + kTaps * kChannels;
    const Plane features = crop.grown.back().inside();
    for (int y = 0; y < side; y++)
      multiply<false>(side, kTapsRow, kChannels, {at(features, y, 0, 0), kChannels, 1},
                      row_major(tail_matrix_, kTapsRow), &crop.tail_taps[static_cast<size_t>(y) * side * kTapsRow],
                      kTapsRow);
    double sum = 0;
    for (int y = 0; y < side; y++)
      for (int x = 0; x < side; x++) {
        float sr[3] = {bias[0], bias[1], bias[2]};
        for (int tap = 0; tap < 9; tap++) {
          const int row = y + tap / 3 - 1, column = x + tap % 3 - 1;
          if (row < 0 || column < 0 || row >= side || column >= side) continue;
          const float* from = &crop.tail_taps[(static_cast<size_t>(row) * side + column) * kTapsRow + tap * 3];
          for (int rgb = 0; rgb < 3; rgb++) sr[rgb] += from[rgb];
        }
        for (int rgb = 0; rgb < 3; rgb++) {
          const float error = sr[rgb] - hr[(static_cast<size_t>(y) * side + x) * 3 + rgb];
          sum += kind == Loss::kL1 ? std::fabs(error) : error * error;
          crop.d_sr[(static_cast<size_t>(y + 1) * (side + 2) + x + 1) * 3 + rgb] =
              kind == Loss::kL1 ? (error > 0) - (error < 0) : 2 * error;
        }
      }
    const double share = 1. / batch, mean = sum / (3. * side * side);
    const bool decibels = kind == Loss::kPsnr;
    const float slope = share / (3. * side * side) * (decibels ? 10 / std::log(10.) / (mean + kRounding) : 1);
    float* taps = crop.tail_taps.data();
    float *d_kernel = d_tail_[thread].data(), *d_bias = d_kernel + kChannels * kTapsRow;
    for (int y = 0; y < side; y++)
      for (int x = 0; x < side; x++, taps += kTapsRow) {
        for (int tap = 0; tap < 9; tap++) {
          const float* d = &crop.d_sr[(static_cast<size_t>(y + 2 - tap / 3) * (side + 2) + x + 2 - tap % 3) * 3];
          for (int rgb = 0; rgb < 3; rgb++) taps[tap * 3 + rgb] = d[rgb] * slope;
        }
        for (int rgb = 0; rgb < 3; rgb++) d_bias[rgb] += taps[4 * 3 + rgb];
      }
    const Plane gradient = crop.d_grown.back().inside();
    for (int y = 0; y < side; y++) {
      const float* row = &crop.tail_taps[static_cast<size_t>(y) * side * kTapsRow];
      multiply<false>(side, kChannels, kTaps, {row, kTapsRow, 1}, row_major(tail_transposed_, kChannels),
                      at(gradient, y, 0, 0), kChannels);
      multiply<true>(kChannels, kTapsRow, side, {at(features, y, 0, 0), 1, kChannels}, row_major(row, kTapsRow),
                     d_kernel, kTapsRow);
    }
    return share * (decibels ? 10 * std::log10(mean + kRounding) : mean);
  }

  void add_up_gradients(float* gradient) const {
    auto sum = [](const std::vector<std::vector<float>>& of_threads, long place) {
      float total = 0;
      for (const auto& each : of_threads) total += each[place];
      return total;
    };
    for (const auto& conv : convolutions_)
      for (int c = 0; c < conv.parts * kChannels; c++) gradient[conv.bias + c] = sum(conv.dbias, c);
    for (int i = 0; i < (kTaps + 1) * kChannels; i++) gradient[i] = sum(d_head_, i);
    float* kernel = gradient + tail_;
    for (int tap = 0; tap < 9; tap++)
      for (int c = 0; c < kChannels; c++)
        for (int rgb = 0; rgb < 3; rgb++) *kernel++ = sum(d_tail_, c * kTapsRow + tap * 3 + rgb);
    for (int rgb = 0; rgb < 3; rgb++) *kernel++ = sum(d_tail_, kChannels * kTapsRow + rgb);
  }

  int blocks_, side_, threads_;
  std::vector<int> factors_, sides_;  // of the pixel shuffles; pixels a side before and after each
  long tail_, weights_;
  std::vector<Convolution> convolutions_;
  std::vector<Scratch> scratch_;
  std::vector<std::vector<Crop>> crops_;  // [thread][crop of a group]
  std::vector<std::vector<float>> d_head_, d_tail_;
  float tail_matrix_[kChannels * kTapsRow] = {}, tail_transposed_[kTaps * kChannels];
};

}  // namespace

extern "C" {

// A network for crops of side x side LR pixels, a multiple of 4.
void* network_new(int blocks, int side, int scale, int threads) { return new Network(blocks, side, scale, threads); }

void network_delete(void* network) { delete static_cast<Network*>(network); }

// How many weights there are: kernel (height, width, in, out) and bias of each convolution in forward order.
long network_weights(void* network) { return static_cast<Network*>(network)->weights(); }

// The mean over the batch of |SR - HR|, of its square, or of minus the PSNR of each crop, and the gradient by the
// weights. `loss` is a `Loss`, `lr` (batch, side, side, 3), `hr` (batch, scale side, scale side, 3), both as the
// convolutions see them: over 255, minus the mean.
double network_step(void* network, const float* weights, const float* lr, const float* hr, int batch, int loss,
                    float* gradient) {
  return static_cast<Network*>(network)->step(weights, lr, hr, batch, static_cast<Loss>(loss), gradient);
}
}
