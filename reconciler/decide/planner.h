/* What the parts of plan share. plan.c goes through the objects and puts the result in order; plan_domain.c,
 * plan_volume.c, plan_prune.c, plan_prune_volume.c and plan_collect.c make changes with their actions;
 * claims.c answers who writes where; gate.c decides what needs consent. Internal to decide/. */
#pragma once
#include "decide/plan.h"

/* An action while the plan is drafted: needs are pointers until ids are given. */
struct draft {
	struct action action;  /* first: a draft is found from its action */
	struct change *change; /* that it is part of */
	struct list needs;     /* struct draft */
	bool numbered;
};

/* What the plan does about a wanted volume; made once, when first asked for. The first two are known from the
 * start. */
struct volume_plan {
	const struct wanted_volume *volume;
	const struct HaveVolume *have;
	bool used; /* a wanted domain that is not Stopped has it */
	bool planned;
	struct change *grown; /* by whose actions it grows; NULL: it does not */
	bool ready;           /* it is there, or `last` makes it so */
	struct draft *last;   /* the action after which it is there; NULL: it is there already */
	const char *blocked;  /* why not, where it cannot be */
};
struct image_plan {
	bool planned;
	struct draft *verify; /* NULL: nothing to check */
};

struct planner {
	struct arena *arena;
	struct arena *scratch; /* for what is made in passing; whoever used it resets it */
	const struct want *want;
	const struct have *have;
	const struct plan_options *options;
	struct report *report;
	struct plan *plan;
	struct volume_plan *volumes; /* beside want->volumes */
	struct image_plan *images;   /* beside want->images */
	struct claims *claims;
	struct list unwanted;    /* struct HaveDomain, ours, by recorded name */
	struct list undescribed; /* struct HaveDomain: which disks they have is not known */
	struct change *spare;    /* of an object that was in order; or NULL */
};

static inline struct volume_plan *volume_plan_of(
	const struct planner *planner, const struct wanted_volume *volume)
{
	return &planner->volumes[volume->index];
}

/* Adds a change to the plan. The object's text is shared, not copied. */
struct change *change_add(
	struct planner *, const char *object, const struct object *subject, const struct mark *at);
/* Nothing of it is done, for this reason; its drafted actions are dropped. The cause is an error; callers
 * that mean another set it. */
void change_block(struct planner *, struct change *, enum change_kind, const char *reason);
/* Adds a reason to what the change says for people. */
void change_reason(struct planner *, struct change *, const char *reason);
/* Keeps only the changes that say something; copies differences into the change. */
void change_differences(struct planner *, struct change *, const struct list *differences);

/* Drafts an action of a change. `name` fills the wording of its row, `more` (may be NULL) follows it. `after`
 * may be NULL. */
struct draft *draft_add(struct planner *, struct change *, enum verb, const char *object, const char *name,
	const char *more, struct draft *after);
void draft_needs(struct planner *, struct draft *, struct draft *needed);

void plan_domain(struct planner *, const struct wanted_domain *);
/* The inline volume of a disk as it is; NULL where there is none, or not all of it. */
const struct HaveVolume *inline_volume(const struct planner *, const struct wanted_disk *);

/* The same for a domain that is wanted. */
struct draft *draft_of(struct planner *, struct change *, enum verb, const struct wanted_domain *,
	const struct HaveDomain *, const char *more, struct draft *after);
/* What is to be remembered of a domain. spec.xl is that of its creation, a nic that may not be changed goes
 * on having the MAC by which it is known: `have` (NULL when it is made anew) keeps them. */
struct Record *record_of(
	struct planner *, const struct change *, const struct wanted_domain *, const struct HaveDomain *have);
/* check -> disks -> config -> create -> verify; the new configuration is written after `after` (a destroy, or
 * NULL). False if something stands in the way: the change then says what. */
bool draft_create(struct planner *, struct change *, const struct wanted_domain *, const struct HaveDomain *,
	struct draft *after);
/* Stops a domain, or destroys what is left of it, and creates it anew. */
void draft_again(struct planner *, struct change *, const struct wanted_domain *, const struct HaveDomain *);

/* Why a guest cannot have this disk, whoever else has it, or NULL. */
const char *disk_obstacle(struct planner *, const struct wanted_disk *);
/* Why a guest cannot have this nic, or NULL. */
const char *nic_obstacle(struct planner *, const struct Nic *);

/* What may be done to it unasked: --allow or its own disruption, whichever is more. */
enum level allowed_level(const struct planner *, const struct wanted_domain *);
/* Decides which differences may be changed. Returns the worst effect among those; change->blast is the worst
 * of all. */
enum level draft_judge(struct planner *, struct change *, const struct wanted_domain *);
/* The action (or the pair of detach and attach) for one allowed difference; several differences of one disk
 * or nic share a pair. */
void draft_live(struct planner *, struct change *, const struct wanted_domain *, const struct HaveDomain *,
	uint32_t index);

/* Config drives (plan_config.c). Why a guest is not made with its drive as it is: it failed with it before,
 * as the change then says, too. NULL: nothing speaks against it. */
const char *config_obstacle(struct planner *, struct change *, const struct wanted_domain *);
/* Does its configuration name the drive, when it is made next? */
bool config_in_cfg(struct planner *, const struct wanted_domain *);
/* Makes the drive that its creation needs; NULL: it is there, or none is needed. */
struct draft *draft_config(
	struct planner *, struct change *, const struct wanted_domain *, struct draft *after);
/* From `after` on it runs: what follows until it counts as told. `drive` (may be NULL) makes the drive. */
void draft_delivery(struct planner *, struct change *, const struct wanted_domain *, struct draft *drive,
	struct draft *after);
/* The drives of this domain are removed, but for the one whose content is `keep` (may be NULL). */
void draft_shred(struct planner *, struct change *, const char *uid, const char *name, const char *keep,
	struct draft *after);
/* A guest that failed with its drive: the change says so. True: it is stopped, and nothing else is done. */
bool plan_config_failed(
	struct planner *, struct change *, const struct wanted_domain *, const struct HaveDomain *);
/* Differences of a guest that runs; what is done about the one whose verb is config.create; and what is to be
 * done where none differs: a delivery goes on, a drive is taken away. */
void plan_config_differences(
	struct planner *, const struct wanted_domain *, const struct HaveDomain *, struct list *out);
void draft_config_live(
	struct planner *, struct change *, const struct wanted_domain *, const struct HaveDomain *);
void plan_config_running(
	struct planner *, struct change *, const struct wanted_domain *, const struct HaveDomain *);

/* After all live actions of a change are drafted: puts those on one volume in order. */
void draft_moves(struct planner *, struct change *);

/* Stops and destroys a domain that is there; the last draft is returned. `timeout` and `escalate` from its
 * shutdown. */
struct draft *plan_stop(struct planner *, struct change *, const char *name, const struct HaveDomain *,
	const struct Shutdown *, struct draft *after);

/* A declared Volume as an object of its own. */
void plan_declared_volume(struct planner *, const struct wanted_volume *);
/* The layers of a volume that are not there are made, those that are to be open are opened, and those grow
 * whose growing does at most `growth` to a guest: none where nobody has it; live where somebody has it, and
 * keeps it; restart where nobody has it any more after `after`. plan->last, ready, grown, blocked say what
 * came of it. */
void draft_layers(
	struct planner *, struct change *, struct volume_plan *, struct draft *after, enum level growth);
/* A layer that was found; NULL: it is not there, or it was never made. */
const struct LayerFound *plan_layer_found(const struct HaveVolume *, uint32_t index);
/* "overlay qcow2 10GiB", into the arena. */
const char *layer_words(struct arena *, const struct Layer *);
/* What the label of a volume is to say, but for its chain. */
struct Label *label_of(struct planner *, const struct volume_plan *);

/* Growth (plan_grow.c). A volume that this guest (NULL: it is not there) has, and does not have any more
 * after `after`: what is to grow of it grows then, unless another guest has it. */
void draft_growth_after(struct planner *, struct change *, const struct wanted_volume *,
	const struct HaveDomain *, struct draft *after);
/* The same for the inline volumes of a domain that is wanted stopped. */
void draft_growth_stopped(struct planner *, struct change *, const struct wanted_domain *,
	const struct HaveDomain *, struct draft *after);
/* What of an inline volume may grow under its guest grows; the guest sees it. */
void draft_growth_live(struct planner *, struct change *, const struct wanted_volume *);
/* A guest that has the volume as a file is shown its size, after `after`. */
void draft_grown_disk(struct planner *, struct change *, const struct HaveDomain *, const struct Disk *,
	const struct wanted_volume *, struct draft *after);
/* Declared volumes that guests have: they grow in their own changes, or wait for a restart. After all
 * domains. */
void plan_growth(struct planner *);

/* Makes sure of a volume that a domain needs, drafting what is missing into `change`, after `after`. */
struct volume_plan *plan_volume(
	struct planner *, struct change *, const struct wanted_volume *, struct draft *after);
/* Volumes of ours that are bound though no guest has them, and none is to: closed, from the top. After all
 * else. */
void plan_close(struct planner *);
/* Closes all of a volume that is open, after `after` (may be NULL). The last draft; `after` where nothing is
 * open. */
struct draft *draft_closes(struct planner *, struct change *, const struct HaveVolume *, struct draft *after);
/* A volume that is there and whose label says something else than is wanted of it (reclaim, protection, name,
 * source): an action that writes it. */
void plan_label(struct planner *, struct change *, const struct volume_plan *);
/* "image debian12 <- overlay qcow2 10GiB", into the arena. */
const char *volume_words(struct arena *, const struct wanted_volume *);

/* Owned domains and volumes that no manifest wants any more. */
void plan_prune(struct planner *);
/* Instead of all else: volumes that nothing wants, into the plan's garbage; changes delete what was asked
 * for. */
void plan_collect(struct planner *);
/* Who keeps a volume that nothing wants. */
struct holder {
	const struct HaveDomain *domain; /* NULL: nobody */
	bool surely;                     /* it has the volume; else its disks are not known */
};
/* A domain that has the volume, or may have it, and keeps it. `except` (may be NULL) is not asked. The
 * actions that take it from the others are added to `after` (struct draft). */
struct holder volume_holder(
	struct planner *, const struct HaveVolume *, const struct HaveDomain *except, struct list *after);
/* The last action that takes the volume from a domain that has it; NULL: this plan leaves it there. */
struct draft *draft_taking_away(const struct planner *, const struct HaveDomain *, const struct HaveVolume *);
/* A volume's own layer: an image or a device below is not, others may have it. */
bool volume_owns(const struct LayerFound *);
/* Is a volume that was found wanted, or does it go with a domain that is still there? Its label is known. */
bool wants_found_volume(const struct planner *, const struct HaveVolume *);
/* Does a volume that nothing wants stay all the same, and why? STAYS_NOT: it may go, after what is added to
 * `after` (struct draft). Its label is known, and `root` is what that names. */
enum stays {
	STAYS_NOT,
	STAYS_ITSELF,  /* what it is speaks against it, or a guest has it */
	STAYS_ROOT,    /* so does all else of its root */
	STAYS_UNKNOWN, /* a guest may have it */
};
enum stays volume_stays(struct planner *, const struct HaveVolume *, const struct source_root *root,
	struct list *after, const char **why);
/* Drafts that it is closed and deleted, after `after`; the change says what goes. */
void volume_remove(struct planner *, struct change *, const struct HaveVolume *, const struct list *after);
/* Of it, a volume that nothing wants and whose label says Delete. */
void prune_volume(struct planner *, const struct HaveVolume *);
/* The inline volumes of a domain that goes, after `gone`: deleted or kept as their label says; change->detail
 * tells which. */
void prune_inline_volumes(struct planner *, struct change *, const struct HaveDomain *, struct draft *gone);
/* The folder of manifests that a record's source names, if it is one of those that were given; or NULL. */
const struct source_root *prune_root(const struct planner *, const char *source);
/* Why nothing of this root is pruned, or NULL. */
const char *prune_root_obstacle(struct planner *, const struct source_root *);
/* The object stays, for this reason, and that is a limit, no error. */
void prune_keep(struct planner *, struct change *, const char *reason);
/* The same because of its root: so does all else of that root. */
void prune_block(struct planner *, struct change *, const char *reason);
/* What a domain that was found is called. */
const char *domain_words(const struct HaveDomain *);
/* Is it a domain of ours: owned, and not by a mark that names another owner (a snapshot may be of another's
 * objects)? */
bool owns_domain(const struct planner *, const struct HaveDomain *);
/* Why nothing is concluded from the state that a domain is in: it is torn down, or may just be built; NULL:
 * it is clear. */
const char *state_unsure(const struct HaveDomain *);
/* Domains of ours whose uid no manifest has; made before all else. */
void find_unwanted(struct planner *);
/* Domains, anybody's, of which it is not known which disks they have; made before all else. */
void find_undescribed(struct planner *);
/* The one among the unwanted that bears this name in its record: metadata.uid or renamedFrom changed. */
const struct HaveDomain *former_of(const struct planner *, const struct wanted_domain *);
/* Is a volume of this name wanted, whatever its uid? */
bool wants_volume_named(const struct planner *, const char *name);
/* Does an object of this record belong to the manifests under `root`? */
bool source_matches(const char *source, const struct source_root *root);
/* The source to record for an object: its root; for a single file, what is recorded already if that is above
 * the file, else the file's folder. */
const char *source_of(struct planner *, const struct object *, const char *recorded);

struct claims *claims_make(struct planner *);
/* The next domain that was found with a disk of this id (or path, where the disk's id is not known); *at
 * begins as 0. NULL: no further one. */
const struct HaveDomain *claims_found(const struct claims *, const char *key, uint32_t *at);
/* Why this domain may not have this disk, or NULL. */
const char *claims_conflict(struct planner *, const struct wanted_domain *, const struct wanted_disk *);

/* The digest of what is gated, over all changes as they would be done; then the caps, with or without
 * consent. */
void gate_digest(struct planner *);
void gate_removals(struct planner *);
/* Was the removal of this uid begun in the last hour, and has not ended? It is counted already and may go on.
 */
bool removal_is_begun(const struct planner *, const char *uid);
