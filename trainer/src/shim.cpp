// What tch does not offer: autocast to bfloat16 on the CPU (its own switch reaches CUDA only, in
// half precision), a leaky ReLU with a slope of one's own, Adam in one pass over memory, loading
// libtorch's CUDA part, and holding on to memory between steps.
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/full.h>
#include <ATen/ops/leaky_relu.h>
#include <climits>
#include <dlfcn.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

// Declared here: ATen/autocast_mode.h includes every operation of libtorch, which doubles the time that this file takes.
namespace at::autocast {
void set_autocast_dtype(at::DeviceType device, at::ScalarType type);
void set_autocast_enabled(at::DeviceType device, bool enabled);
void clear_cache();
}

extern "C" void trainer_autocast(int cuda, int enabled) {
  auto device = cuda ? at::kCUDA : at::kCPU;
  at::autocast::set_autocast_dtype(device, at::kBFloat16);
  at::autocast::set_autocast_enabled(device, enabled != 0);
  // Casts of weights are cached until the outermost region ends: the weights change after it.
  if (!enabled) at::autocast::clear_cache();
}

// glibc hands freed memory back to the system and takes it anew at each step, page by page, which was a
// tenth of a step's time. 32 MB is the largest threshold it takes; larger blocks come and go.
extern "C" void trainer_keep_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

// A null pointer says that it was loaded; else the loader's reason, which lives to the next call.
extern "C" const char *trainer_load(const char *path) {
  return dlopen(path, RTLD_NOW | RTLD_GLOBAL) ? nullptr : dlerror();
}

// A null pointer says that libtorch threw.
extern "C" at::Tensor *trainer_leaky_relu(const at::Tensor *input, double slope) {
  try {
    return new at::Tensor(at::leaky_relu(*input, slope));
  } catch (...) {
    return nullptr;
  }
}

// False says that libtorch threw.
extern "C" int trainer_adam(at::Tensor *values, at::Tensor *gradient, at::Tensor *first, at::Tensor *second,
                            double taken, double rate, double beta1, double beta2, double epsilon) {
  try {
    at::NoGradGuard guard;
    auto steps = at::full({}, taken, at::TensorOptions().dtype(at::kFloat).device(values->device()));
    at::_fused_adam_({*values}, {*gradient}, {*first}, {*second}, {}, {steps}, rate, beta1, beta2,
                     /*weight_decay=*/0.0, epsilon, /*amsgrad=*/false, /*maximize=*/false);
    return 1;
  } catch (...) {
    return 0;
  }
}
