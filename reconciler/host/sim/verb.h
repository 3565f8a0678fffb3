/* What the files of the verbs share. An effect changes the world, or says by op_fail why it did not. */
#pragma once
#include "host/sim/world.h"

/* verb.c. The guest that an action is about; the latter two fail the op where it is not described, or not
 * alive (running or paused) either. */
struct guest *guest_of(const struct world *, const struct op *);
struct guest *guest_needed(const struct world *, struct op *);
struct guest *guest_changeable(const struct world *, struct op *);
/* An action has changed something of it. */
void guest_changed(struct world *, struct guest *);

/* create.c */
void config_judge(struct world *, struct op *, const struct action *, const struct links *);
void create_prepare(struct world *, struct op *, const struct action *, const struct links *);
void create_start(struct world *, struct op *);
void create_effect(struct world *, struct op *);
/* A disk and a nic as Xen describes them, not yet connected. */
struct Disk *disk_found(struct arena *, const struct Disk *want, const struct link *);
struct Nic *nic_found(struct arena *, const struct Nic *want, int64_t device);
/* The file behind a disk; NULL, and the op has failed, where there is none. */
const struct link *link_needed(const struct world *, struct op *, const struct links *,
	const struct wanted_volume *, const char *vdev);

/* device.c */
void disk_attach_prepare(struct world *, struct op *, const struct action *, const struct links *);
void disk_attach_effect(struct world *, struct op *);
void disk_attach_half(struct world *, struct op *);
void disk_detach_prepare(struct world *, struct op *, const struct action *, const struct links *);
void disk_detach_effect(struct world *, struct op *);
void disk_detach_half(struct world *, struct op *);
void disk_grow_prepare(struct world *, struct op *, const struct action *, const struct links *);
void disk_grow_effect(struct world *, struct op *);
void nic_change_prepare(struct world *, struct op *, const struct action *, const struct links *);
void nic_attach_effect(struct world *, struct op *);
void nic_attach_half(struct world *, struct op *);
void nic_detach_effect(struct world *, struct op *);
void nic_detach_half(struct world *, struct op *);

/* word.c */
void word_prepare(struct world *, struct op *, const struct action *, const struct links *);
void word_start(struct world *, struct op *);
bool word_met(struct world *, struct op *);
void word_effect(struct world *, struct op *);
/* It spoke before it was asked: the op fails. */
bool word_is_early(struct op *, const struct guest *);
