/* The graph of disk chains: layers, images, the domains that have them, and what dom0 does with them. Made
 * from WANT and HAVE alone, so that a snapshot gives the same graph as the host. People get it as a tree, top
 * to bottom, as a guest's disk stands on its layers; programs as nodes and edges. */
#pragma once
#include "base/json.h"
#include "model/have.h"
#include "model/want.h"
#include <stdio.h>

enum graph_kind { GRAPH_LAYER, GRAPH_IMAGE, GRAPH_DOMAIN, GRAPH_HOST };

/* Whether a layer can be looked at. */
enum graph_presence {
	GRAPH_THERE,
	GRAPH_CLOSED,  /* it was made, and is not bound or mounted; or what it stands on is not */
	GRAPH_MISSING, /* not made yet */
	GRAPH_UNKNOWN, /* of a broken volume, or not looked for */
};

struct graph_node {
	enum graph_kind kind;
	const char *id; /* "Volume/web-1-xvda/1", "Image/debian12", "Domain/web-1", "dom0" */
	/* layers and images */
	const char *layer; /* its key, as in layer.def */
	uint32_t depth;    /* from 0, bottom first */
	enum graph_presence presence;
	const struct LayerFound *recorded, *found; /* by the label, and on the disk; either may be NULL */
	const struct HaveImage *image;             /* or NULL: it is not wanted, so nobody looked */
	/* domains */
	const struct HaveDomain *have; /* NULL: it is not there */
};

enum graph_relation {
	GRAPH_STANDS_ON, /* a layer on the one whose data it takes */
	GRAPH_LIES_IN,   /* a layer's file in a filesystem of the same chain */
	GRAPH_WRITES,    /* a domain that is there has it as a disk and may write */
	GRAPH_READS,
	GRAPH_WANTS, /* a manifest gives it to a domain that does not have it */
	GRAPH_USES,  /* dom0 itself: mounted, swap, ... */
};
struct graph_edge {
	const struct graph_node *from, *to;
	enum graph_relation relation;
	const char *disk;          /* of a domain: the vdev */
	enum access access;        /* GRAPH_WANTS */
	const struct HostUse *use; /* GRAPH_USES */
};

/* A volume from both sides; one of them may be NULL. */
struct graph_volume {
	const char *name;
	const struct wanted_volume *want;
	const struct HaveVolume *have;
	const struct graph_node *top; /* NULL: nothing is known of its layers */
};
struct graph {
	struct arena *arena;
	const struct want *want;
	const struct have *have;
	struct list volumes; /* struct graph_volume */
	struct list nodes;   /* struct graph_node */
	struct list edges;   /* struct graph_edge */
};

/* Of no volume yet; all of it lies in the arena. */
struct graph graph_begin(struct arena *, const struct want *, const struct have *);
/* Either side may be NULL, not both. */
void graph_add_volume(struct graph *, const struct wanted_volume *, const struct HaveVolume *);
/* An image by itself; the volumes on it are added by the caller. */
void graph_add_image(struct graph *, const char *name);
/* Does the chain of a volume that was found stand on this image? */
bool graph_stands_on(const struct HaveVolume *, const char *image);
/* When all is added: who has the layers. */
void graph_add_users(struct graph *);

/* "nodes" and "edges" below `key` (docs/cli.md). What is not known is null. */
void graph_json(struct json *, const char *key, const struct graph *);
/* A tree per volume, the topmost layer first. */
void graph_text(FILE *, const struct graph *);
/* An image on a line: format, sizes, digest; then a line for each volume that stands on it. */
void graph_text_image(FILE *, const struct graph *, const char *name);
