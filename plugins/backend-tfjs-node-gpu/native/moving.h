// Kernels of tfjs that move values or combine them one by one. TensorFlow has them too, but a call of it costs several times what they do
// on tensors of a small model.
#pragma once
#include "call.h"

namespace nlakit {

// x; integers: the new shape
void ComputeReshape(Call& call);
// x; integers: for every axis of the result, the axis of x
void ComputeTranspose(Call& call);
// any number; integers: axis
void ComputeConcat(Call& call);
// x; integers: axis, then the extent of every part
void ComputeSplit(Call& call);
// x; integers: where it begins on every axis, then the extent on every axis
void ComputeSlice(Call& call);
// x, indices of rows along its first axis
void ComputeGather(Call& call);
// a, b, broadcast against each other
void ComputeAdd(Call& call);
void ComputeSubtract(Call& call);
void ComputeMultiply(Call& call);

}  // namespace nlakit
