// Exponential and hyperbolic tangent without branches, so that the compiler turns a loop over them into vector instructions. Range
// reduction and minimax polynomials of S. Moshier's Cephes (single precision); errors below 2e-7 of the value.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

namespace nlakit {

inline float Exp(float x) {
  x = x > 88.3f ? 88.3f : x;
  x = x < -87.3f ? -87.3f : x;
  const float n = std::nearbyint(x * 1.44269504088896341f);
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const int32_t exponent = (static_cast<int32_t>(n) + 127) << 23;
  float power;
  std::memcpy(&power, &exponent, 4);
  return p * power;
}

inline float Tanh(float x) {
  const float size = std::fabs(x);
  const float far = std::copysign(1.0f - 2.0f / (Exp(2.0f * size) + 1.0f), x);
  const float z = x * x;
  float p = -5.70498872745e-3f;
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  const float near = p * z * x + x;
  return size < 0.625f ? near : far;
}

}  // namespace nlakit
