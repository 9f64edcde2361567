// What tch does not offer: autocast on the CPU (its own switch reaches CUDA only) and a leaky ReLU
// with a slope of one's own.
#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>

extern "C" void trainer_autocast_cpu(int enabled) {
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, enabled != 0);
  // Casts of weights are cached until the outermost region ends: the weights change after it.
  if (!enabled) at::autocast::clear_cache();
}

// A null pointer says that libtorch threw.
extern "C" at::Tensor *trainer_leaky_relu(const at::Tensor *input, double slope) {
  try {
    return new at::Tensor(at::leaky_relu(*input, slope));
  } catch (...) {
    return nullptr;
  }
}
