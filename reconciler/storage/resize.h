/* Files of layers that grow by qemu-img: qcow2, and raw ones whose space is reserved. */
#pragma once
#include "storage/layer.h"

/* Beginning of layer_driver.grow: job->recorded->path grows to job->found->size. */
bool resize_begin(struct layer_job *);
/* Its end: where job->argv is set after it, it is not yet over; else the file is to be looked at. */
bool resize_end(struct layer_job *);
/* layer_step.again */
bool resize_again(struct layer_job *, const char *errors);
/* After all that: was it seen (into job->found), and has it `size`? false: job->error. */
bool resize_judge(struct layer_job *, bool seen, int64_t size);
