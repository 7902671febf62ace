package phantom

// tissue is an index into a palette.
type tissue uint8

// The fixed tissues. Discs and lesions have further ones of their own.
const (
	tAir tissue = iota
	tSkin
	tFat
	tSepta
	tMuscle
	tMuscleFat
	tFascia
	tCortical
	tMarrow
	tMarrowSacrum
	tMarrowAbove
	tBasivertebral
	tAnnulus
	tFlavum
	tLigament
	tInterspinous
	tCSF
	tRoot
	tCord
	tCrowded
	tEpiduralFat
	tForamenFat
	tForamenRoot
	tForamenScar
	tVein
	tArtery
	tArteryWall
	tBowelWall
	tBowelFluid
	tBowelGas
	tBowelPaste
	tKidney
	tLiver
	tFacetFluid
	tModic1
	tModic2
	tPelvicFat
	tModic3
	tGrowth
	tOedema
	tHaemangioma
	tIsland
	tMarrowPatch
	tIliac
	tRib
	tCartilage
	tCystWall
	tScar
	tMetal
	tBrightArtery
	tCava
	tMuscleDark
	tBladder
	tUterus
	tProstate
	tSpleen
	tKidneySinus
	tLung
	tMesentery
	tNucleus    // + number of the disc, up to maxDiscs
	maxDiscs    = 20
	tInner      = tNucleus + maxDiscs // inner annulus, + number of the disc
	tLesion     = tInner + maxDiscs   // + 3*number of the lesion: body, patches, rim
	maxLesions  = 6
	tissueCount = int(tLesion) + 3*maxLesions
)

// matter is what the scanner sees of a tissue: a water part with relaxation times
// in milliseconds and proton density, and the share of fat mixed with it. Texture
// is the relative variation inside the tissue, Grain its size in millimetres.
type matter struct {
	pd, t1, t2 float64
	fat        float64
	texture    float64
	grain      float64
	star       float64 // T2' in gradient echoes, ms; 0 = 60
	cloud      float64 // variation over centimetres
}

// stuff is a matter with the usual decay of gradient echoes.
func stuff(pd, t1, t2, fat, texture, grain float64) matter {
	return matter{pd: pd, t1: t1, t2: t2, fat: fat, texture: texture, grain: grain}
}

// fatMatter: T2 is the long apparent one that fat has in fast spin echo (J coupling).
var fatMatter = matter{pd: 0.95, t1: 240, t2: 120}

// baseMatter lists the fixed tissues. Relaxation times are for 1.5 T, from the
// usual reviews (Stanisz 2005, de Bazelaire 2004, Gold 2004), bone marrow's fat
// share from spectroscopy (Kugel 2001). Values are round on purpose: every
// patient gets his own variation of them.
func baseMatter() [tissueCount]matter {
	var m [tissueCount]matter
	m[tSkin] = stuff(0.6, 900, 40, 0.1, 0.1, 1)
	m[tFat] = stuff(0.3, 800, 40, 0.95, 0.07, 2)
	m[tSepta] = stuff(0.5, 800, 35, 0.45, 0.1, 1)
	m[tMuscle] = stuff(0.8, 900, 38, 0.06, 0.3, 0.4)
	m[tMuscleFat] = stuff(0.7, 850, 40, 0.7, 0.4, 0.4)
	m[tFascia] = stuff(0.25, 700, 18, 0.05, 0.2, 1)
	m[tCortical] = stuff(0.12, 500, 12, 0.05, 0.1, 1)
	m[tMarrow] = stuff(0.75, 850, 52, 0.42, 0.3, 0.36)
	m[tMarrowSacrum] = stuff(0.72, 850, 52, 0.52, 0.3, 0.36)
	m[tMarrowAbove] = stuff(0.75, 850, 52, 0.38, 0.3, 0.36)
	m[tBasivertebral] = stuff(0.9, 1300, 130, 0.25, 0.15, 1)
	m[tAnnulus] = stuff(0.5, 700, 26, 0, 0.35, 0.4)
	m[tFlavum] = stuff(0.5, 750, 26, 0.06, 0.1, 1)
	m[tLigament] = stuff(0.3, 700, 20, 0.05, 0.1, 1)
	m[tInterspinous] = stuff(0.6, 800, 32, 0.35, 0.4, 0.7)
	m[tCSF] = stuff(1, 3600, 900, 0, 0.06, 2)
	m[tRoot] = stuff(0.85, 850, 75, 0, 0.05, 1)
	m[tCord] = stuff(0.85, 850, 78, 0, 0.05, 1)
	m[tCrowded] = stuff(0.85, 950, 85, 0, 0.15, 0.6)
	m[tEpiduralFat] = stuff(0.4, 800, 50, 0.9, 0.1, 1)
	m[tForamenFat] = stuff(0.4, 800, 50, 0.92, 0.1, 1)
	m[tForamenRoot] = stuff(0.85, 900, 70, 0, 0.08, 1)
	m[tForamenScar] = stuff(0.55, 800, 32, 0.05, 0.15, 1)
	m[tVein] = stuff(0.8, 1300, 110, 0.1, 0.2, 1)
	m[tArtery] = stuff(0.06, 1200, 60, 0, 0.3, 1)
	m[tArteryWall] = stuff(0.5, 900, 40, 0, 0.1, 1)
	organMatter(&m)
	decay(&m)
	return m
}

// organMatter lists the tissues before the spine and those of disease.
func organMatter(m *[tissueCount]matter) {
	m[tBowelWall] = stuff(0.75, 900, 48, 0.05, 0.15, 1)
	m[tBowelFluid] = stuff(0.95, 2200, 300, 0, 0.2, 2)
	m[tBowelGas] = stuff(0.02, 900, 40, 0, 0.3, 1)
	m[tBowelPaste] = stuff(0.75, 700, 60, 0.1, 0.35, 1.5)
	m[tKidney] = stuff(0.85, 1000, 88, 0, 0.12, 2)
	m[tLiver] = stuff(0.75, 580, 45, 0.04, 0.08, 2)
	m[tFacetFluid] = stuff(0.8, 1800, 130, 0, 0.1, 1)
	m[tModic1] = stuff(0.85, 1300, 95, 0.12, 0.15, 1.3)
	m[tModic2] = stuff(0.5, 850, 50, 0.82, 0.12, 1.3)
	m[tPelvicFat] = stuff(0.4, 800, 45, 0.88, 0.2, 1.5)
	m[tModic3] = stuff(0.3, 800, 28, 0.05, 0.12, 1.3)
	m[tGrowth] = stuff(0.6, 900, 34, 0.05, 0.1, 1)
	m[tOedema] = stuff(0.88, 1350, 95, 0.06, 0.12, 2)
	m[tHaemangioma] = stuff(0.8, 900, 110, 0.6, 0.3, 0.8)
	m[tIsland] = stuff(0.15, 700, 20, 0.02, 0.1, 1)
	m[tMarrowPatch] = stuff(0.6, 850, 50, 0.72, 0.15, 1.5)
	m[tIliac] = stuff(0.72, 850, 52, 0.5, 0.3, 0.36)
	m[tRib] = stuff(0.75, 850, 52, 0.4, 0.3, 0.36)
	m[tCartilage] = stuff(0.65, 900, 34, 0, 0.1, 1)
	m[tCystWall] = stuff(0.3, 700, 22, 0, 0.1, 1)
	m[tScar] = stuff(0.65, 900, 42, 0.12, 0.35, 1)
	m[tMetal] = stuff(0.005, 900, 20, 0, 0, 1)
	m[tBrightArtery] = stuff(0.9, 1400, 160, 0, 0.25, 2)
	m[tCava] = stuff(0.3, 1300, 110, 0, 0.3, 2)
	m[tMuscleDark] = stuff(0.72, 900, 34, 0.03, 0.18, 1.1)
	m[tBladder] = stuff(1, 3500, 700, 0, 0.03, 2)
	m[tUterus] = stuff(0.8, 1100, 75, 0, 0.2, 3)
	m[tProstate] = stuff(0.8, 1150, 82, 0, 0.25, 2)
	m[tSpleen] = stuff(0.85, 1050, 72, 0, 0.06, 2)
	m[tKidneySinus] = stuff(0.6, 900, 70, 0.6, 0.3, 1)
	m[tLung] = stuff(0.08, 1100, 35, 0, 0.5, 1.5)
	m[tMesentery] = stuff(0.45, 800, 48, 0.8, 0.3, 1.2)
}

// decay says what gradient echoes lose and what varies over centimetres.
func decay(m *[tissueCount]matter) {
	for _, t := range []tissue{tIliac, tRib, tOedema, tMarrowPatch, tMarrow, tMarrowSacrum, tMarrowAbove, tModic1, tModic2} {
		m[t].star, m[t].cloud = 14, 0.1 // trabeculae dephase
	}
	for _, t := range []tissue{tCSF, tNucleus, tKidney, tFacetFluid} {
		m[t].star = 150
	}
	m[tBowelGas].star, m[tMuscle].cloud, m[tLiver].cloud = 2, 0.12, 0.05
}
